"""What a reduced precision costs: accuracy and equal labels against fp32, on labelled sets.

    python3 bench/precision_loss.py build/valence --data DIR --model DIR [--model DIR ...] [--precision int8 ...]

Every model labels every set whose labels it knows (sentiment sets by two or three of its labels, as they have). A line a
set and one for all rows together. The fp32 answers of a model are those of its checkpoint in f32.
"""

import argparse
import collections
import csv
import gzip
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

# Set -> column; sets whose texts would be counted twice (sst2_phrases) are left out.
SETS = {
    "sst2/dev.csv": "text", "sst5/dev.csv": "text", "rt_polarity/dev.csv": "text", "tweet_sentiment/dev.csv": "text",
    "imdb/dev.csv": "text", "uci_sentences/dev.csv": "text", "customer_reviews/dev.csv": "text",
    "financial_phrasebank/dev.csv": "text", "airline_tweets/dev.csv": "text", "goemotions/dev.csv": "text",
    "tweet_emotion/dev.csv": "text", "tweet_irony/dev.csv": "text", "tweet_offensive/dev.csv": "text",
    "tweet_hate/dev.csv": "text", "subjectivity/dev.csv": "text", "trec_questions/dev.csv": "text",
    "app_reviews/dev.csv": "text", "github_issues/dev.csv": "text",
}  # fmt: skip
MERGED = {"very positive": "positive", "very negative": "negative"}


def read_rows(path, column):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return [(row[column], MERGED.get(row["label"], row["label"])) for row in csv.DictReader(file)]


def model_labels(model):
    config = json.loads((Path(model) / "config.json").read_text())
    return list(config["id2label"].values())


def classify(program, model, precision, texts, labels, multi):
    """One label a text, or with `multi` the set of those with a score of at least 0.5."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([text] for text in texts)
        file.flush()
        command = [program, "classify", file.name, "-m", str(model), "--precision", precision, "-f", "jsonl", "-q",
                   "--top-k", "all", "--fold", "off"]  # fmt: skip
        if labels:
            command += ["--labels", ",".join(labels)]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\nended with {done.returncode}: {done.stderr.strip()}")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(texts), f"{len(rows)} results for {len(texts)} texts"
    answers = []
    for row in rows:
        scores = {item["label"]: item["score"] for item in row["scores"]}
        answers.append(frozenset(name for name, score in scores.items() if score >= 0.5) if multi else row["label"])
    return answers


def compare(gold, reference, reduced, multi):
    right = lambda answers: sum(  # noqa: E731
        answer == (frozenset(label.split("|")) if multi else label) for answer, label in zip(answers, gold)
    )
    return collections.Counter(
        rows=len(gold),
        reference=right(reference),
        reduced=right(reduced),
        equal=sum(a == b for a, b in zip(reference, reduced)),
    )


def line(name, c):
    rows = c["rows"]
    loss = 100 * (c["reference"] - c["reduced"]) / rows
    return (
        f"{name:<44} {rows:>6} {100 * c['reference'] / rows:>8.2f} {100 * c['reduced'] / rows:>8.2f} {loss:>+7.2f}"
        f" {100 * c['equal'] / rows:>8.2f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", required=True, help="a model directory; may be repeated")
    parser.add_argument("--precision", action="append", help="fp16, bf16, int8 [int8]")
    arguments = parser.parse_args()
    for precision in arguments.precision or ["int8"]:
        print(f"\n{precision} against fp32: accuracy in %, loss in points, labels equal in %")
        print(f"{'set':<44} {'rows':>6} {'fp32':>8} {precision:>8} {'loss':>7} {'equal':>8}")
        pooled = collections.Counter()
        for model in arguments.model:
            known = set(model_labels(model))
            config = json.loads((Path(model) / "config.json").read_text())
            multi = config.get("problem_type") == "multi_label_classification"
            for name, column in SETS.items():
                if not (arguments.data / name).exists():
                    continue
                rows = read_rows(arguments.data / name, column)
                found = {part for _, label in rows for part in label.split("|")}
                if not found <= known:
                    continue
                texts, gold = zip(*rows)
                labels = sorted(found) if found < known and not multi else []
                reference = classify(arguments.program, model, "fp32", texts, labels, multi)
                reduced = classify(arguments.program, model, precision, texts, labels, multi)
                counts = compare(gold, reference, reduced, multi)
                pooled += counts
                print(line(f"{Path(model).name} on {name}", counts), flush=True)
        if not pooled["rows"]:
            sys.exit("no set fits the labels of any model")
        print(line("all together", pooled))
        half = 1.96 * math.sqrt(pooled["equal"] * (pooled["rows"] - pooled["equal"]) / pooled["rows"] ** 3)
        print(f"labels equal: {100 * pooled['equal'] / pooled['rows']:.2f} +- {100 * half:.2f} %")


if __name__ == "__main__":
    main()
