"""Labelled rows in CSV files, for the benchmarks that train."""

import csv
import gzip
import itertools


def read_rows(path, limit=None):
    """(text, label) of at most `limit` rows of a CSV, plain or gzip."""
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in itertools.islice(csv.DictReader(file), limit)]


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
