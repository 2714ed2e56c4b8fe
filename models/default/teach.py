"""Adds what teachers say to the rows that a stage learns from: the mean of their scores.

    models/default/teach.py ROWS.csv OUT.csv --valence build/valence --teachers MODEL MODEL... [--polish POLISH.csv]

OUT has the columns of ROWS and `scores`, as `valence train --teacher-column` reads them; POLISH gets those of its rows that the
polishing stage learns (mixture.py). Generated sentences keep their label: it is right by construction, and what they are about is
what teachers do not know. Only the standard library is needed.
"""

import argparse
import csv
import json
import subprocess
import tempfile
from pathlib import Path

from mixture import polish_rows


def scores_of(valence, model, rows):
    """{label: score} of each row."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "scores.jsonl")
        subprocess.run([valence, "classify", rows, "-m", model, "--precision", "bf16", "--top-k", "all", "--max-length", "128", "-o", out],
                       check=True)  # fmt: skip
        with open(out, encoding="utf-8") as lines:
            return [{one["label"]: one["score"] for one in json.loads(line)["scores"]} for line in lines]


def write(path, rows):
    partial = Path(f"{path}.partial")  # the name stands for a whole file
    with open(partial, "w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows")
    parser.add_argument("out")
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--teachers", nargs="+", required=True)
    parser.add_argument("--polish")
    options = parser.parse_args()

    taught = [scores_of(options.valence, teacher, options.rows) for teacher in options.teachers]
    with open(options.rows, encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    for row, *said in zip(rows, *taught, strict=True):
        scores = {label: round(sum(one[label] for one in said) / len(said), 4) for label in said[0]}
        row["scores"] = json.dumps({row["label"]: 1.0} if row["source"] == "generated" else scores)
    if options.polish:
        write(options.polish, polish_rows(rows))
    write(options.out, rows)  # last: recipe.sh looks for it


if __name__ == "__main__":
    main()
