#!/usr/bin/env python3
"""How often answers of --abstain are wrong, on rows that its threshold was not fitted on.

    python bench/abstention.py --model DIR rows.csv... [--target-error 0.05] [--halves 20]

The rows (text, label, and choices, as `--choices-column` of `valence models calibrate` reads them) are halved at random, the
threshold is fitted on one half and measured on the other. Each half is printed, then all of them. A row with `choices` is
answered among those labels only. DIR is copied without its calibration. The standard library is enough.
"""

import argparse
import csv
import json
import math
import pathlib
import random
import shutil
import subprocess
import tempfile


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"], row.get("choices") or "") for row in csv.DictReader(file)]


def write(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "choices"), *rows])


def answer(line, choices, threshold):
    """A label, or None where the score is below the threshold."""
    scores = {one["label"]: one["score"] for one in json.loads(line)["scores"]}
    kept = {label: score for label, score in scores.items() if not choices or label in choices.split("|")}
    best = max(kept, key=kept.get)
    return best if kept[best] / sum(kept.values()) >= threshold else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+")
    parser.add_argument("--model", required=True)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--target-error", type=float, default=0.05)
    parser.add_argument("--halves", type=int, default=20)
    arguments = parser.parse_args()
    rows = [row for path in arguments.rows for row in read(path)]
    wrong = answered = measured = near_target = 0
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        model = folder / "model"
        for seed in range(arguments.halves):
            shuffled = random.Random(seed).sample(rows, len(rows))
            fitted_on, others = shuffled[: len(rows) // 2], shuffled[len(rows) // 2 :]
            write(folder / "fit.csv", fitted_on)
            write(folder / "others.csv", others)
            shutil.rmtree(model, ignore_errors=True)
            shutil.copytree(arguments.model, model, ignore=shutil.ignore_patterns("calibration.json"))
            subprocess.run([arguments.valence, "models", "calibrate", model, "--data", folder / "fit.csv", "--choices-column",
                            "choices", "--target-error", str(arguments.target_error), "--quiet"],
                           check=True, stdout=subprocess.DEVNULL)  # fmt: skip
            fitted = json.loads((model / "calibration.json").read_text()).get("abstention")
            threshold = fitted["threshold"] if fitted else math.inf  # no threshold keeps the target: nothing is answered
            subprocess.run([arguments.valence, "classify", folder / "others.csv", "-m", model, "--top-k", "all", "--quiet",
                            "-o", folder / "said.jsonl"], check=True)  # fmt: skip
            with open(folder / "said.jsonl", encoding="utf-8") as lines:
                said = [answer(line, row[2], threshold) for line, row in zip(lines, others, strict=True)]
            answers = [(label, row[1]) for label, row in zip(said, others, strict=True) if label is not None]
            errors = sum(label != truth for label, truth in answers)
            print(f"half {seed}: threshold {threshold:.3f}, {errors} wrong of {len(answers)} answered, {len(others)} rows",
                  flush=True)  # fmt: skip
            wrong, answered, measured = wrong + errors, answered + len(answers), measured + len(others)
            near_target += errors <= (arguments.target_error + 0.01) * len(answers)
    print(f"{100 * wrong / max(1, answered):.1f} % wrong of {answered}, coverage {100 * answered / measured:.0f} %; "
          f"in {near_target} of {arguments.halves} halves at most a point over the target")  # fmt: skip


if __name__ == "__main__":
    main()
