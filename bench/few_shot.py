#!/usr/bin/env python3
"""Accuracy of `valence train --few-shot` from a handful of examples a class.

    python bench/few_shot.py --valence build/valence --model DIR --data ../shared/data

For each set and seed, --shots examples of each class are drawn from the train split by the seed alone; the model is measured on
the whole dev split. Every seed is printed, then the mean. Standard library only.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

from rows import read_rows, write_rows

SETS = ["sst2", "trec_questions", "app_reviews"]


def read_split(directory, split):
    for name in (f"{split}.csv", f"{split}.csv.gz"):
        path = directory / name
        if path.exists():
            return read_rows(path)
    raise SystemExit(f"{directory}: no {split}.csv")


def draw(rows, shots, seed):
    """The first `shots` of each class, in an order that the seed makes; classes by name."""
    by_label = {}
    for text, label in rows:
        by_label.setdefault(label, []).append(text)
    drawn = []
    for label in sorted(by_label):
        texts = sorted(by_label[label])
        random.Random(f"{seed}:{label}").shuffle(texts)
        drawn += [(text, label) for text in texts[:shots]]
    return drawn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--shots", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--options", default="", help="more options of valence train, in one word")
    arguments = parser.parse_args()
    for name in arguments.sets:
        train, dev = (read_split(arguments.data / name, split) for split in ("train", "dev"))
        accuracies, seconds = [], []
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as directory:
                folder = pathlib.Path(directory)
                write_rows(folder / "train.csv", draw(train, arguments.shots, seed))
                write_rows(folder / "dev.csv", dev)
                begin = time.perf_counter()
                out = subprocess.run([arguments.valence, "train", folder / "train.csv", "--eval-data", folder / "dev.csv", "-m",
                                      arguments.model, "--few-shot", "--output-dir", folder / "out", "--seed", str(seed),
                                      "--quiet", "--json", *arguments.options.split()], check=True, stdout=subprocess.PIPE)
                seconds.append(time.perf_counter() - begin)
                accuracies.append(100 * json.loads(out.stdout)["best"]["eval_accuracy"])
        print(f"{name}: " + " ".join(f"{accuracy:.1f}" for accuracy in accuracies) +
              f"  mean {statistics.mean(accuracies):.1f}  ({statistics.mean(seconds):.0f} s each)", flush=True)


if __name__ == "__main__":
    main()
