"""Writes what `valence` learns, calibrates and measures the built-in model on: CSV files of text,label,choices,source.

    models/default/prepare.py --data ../shared/data --out build/default_model/all [--without reviews|tweets|goemotions] [--draw N]

train.csv        the first two passes one after the other: one epoch of it is the training at the full rate
last.csv         a third pass, for a low rate
reviews.csv      rows of train.csv once more: reviews for the most part
taught.csv       one more pass, for learning from teachers (teach.py adds what they say)
wide.csv         another one, half of it generated sentences
baseline.csv     nine of the sets as they are, for the model that the recipe is measured against
calibration.csv  the rows that are cut out of the training sources for the temperature, but for the treebank's: a model has
                 learned phrases of theirs, and is surer and more often right than with what it has not seen
dev/<set>.csv    the dev split of every set; dev/four.csv, those of the sets with a bar, pooled; dev/kept_out.csv, those
                 of the group that --without names

`choices` are the labels that a set can tell apart, where they are not all three. Only the standard library is needed.
"""

import argparse
import csv
from pathlib import Path

from frames import PlainGuard, default_plain_path
from mixture import all_rows, baseline_rows, last_rows, review_rows, sources_without, taught_rows, wide_rows
from sources import FULL, GROUPS, LABELS, READERS, read_training

DEV_SETS = (
    "sst2", "sst2_natural", "tweet_sentiment", "customer_reviews", "uci_sentences", "rt_polarity", "imdb", "sst5",
    "goemotions", "tweet_emotion", "twitter_targets", "semeval14_restaurants", "semeval14_laptops",
)  # fmt: skip
# Sentences of one set, what it was made from, and its phrases.
TREEBANK = ("sst2", "sst2_natural", "sst2_phrases", "sst5", "rt_polarity")
WITH_BARS = ("sst2", "tweet_sentiment", "customer_reviews", "uci_sentences")


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")  # the name stands for a whole file
    with open(partial, "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("text", "label", "choices", "source"))
        for row in rows:
            choices = "" if row.allowed == FULL else "|".join(LABELS[label] for label in row.allowed)
            table.writerow((row.text, LABELS[row.label], choices, row.source))
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path(), help="the lines whose frames are kept out")
    parser.add_argument("--without", choices=sorted(GROUPS), help="a group of sources to keep out")
    parser.add_argument("--draw", type=int, default=0, metavar="N", help="draw and type train.csv anew, for another teacher")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()

    guard = PlainGuard.from_csv(options.plain)
    kept_out = GROUPS[options.without] if options.without else ()
    names = sources_without(kept_out)
    training, calibration = read_training(options.data, names, guard)
    rows = all_rows(training, guard, options.draw)
    write(options.out / "train.csv", rows)
    write(options.out / "reviews.csv", review_rows(rows))
    write(options.out / "last.csv", last_rows(training, guard))
    write(options.out / "taught.csv", taught_rows(training, guard))
    write(options.out / "wide.csv", wide_rows(training, guard))
    write(options.out / "baseline.csv", baseline_rows(training))
    write(options.out / "calibration.csv", [row for name in names if name not in TREEBANK for row in calibration[name]])
    dev = {name: READERS[name](options.data, "dev") for name in DEV_SETS}
    for name, of_set in dev.items():
        write(options.out / "dev" / f"{name}.csv", of_set)
    write(options.out / "dev" / "four.csv", [row for name in WITH_BARS for row in dev[name]])
    if kept_out:
        write(options.out / "dev" / "kept_out.csv", [row for name in kept_out for row in dev[name]])
    print(f"{len(rows)} rows to learn from")


if __name__ == "__main__":
    main()
