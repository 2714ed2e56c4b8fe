"""Rows a second and peak memory of `valence data clean` on a million rows.

    bench/data_clean.py build/valence ../shared/data [ROWS]

The rows are texts of the shared sets, drawn at random (seeded); four in five get two words more, so that most are no
duplicates. Whole processes on the wall clock, the input in the page cache; the best of three runs counts.
"""
import csv
import gzip
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETS = ["airline_tweets/train.csv", "app_reviews/train.csv", "tweet_sentiment/train.csv.gz", "sst2/train.csv",
        "uci_sentences/train.csv", "customer_reviews/train.csv"]
RUNS = 3


def texts_of(shared):
    for name in SETS:
        path = Path(shared) / name
        opened = gzip.open(path, "rt", newline="", encoding="utf-8") if path.suffix == ".gz" else open(
            path, newline="", encoding="utf-8")
        with opened as file:
            for row in csv.DictReader(file):
                yield row["text"], row["label"]


def write_rows(path, shared, count):
    generator = random.Random(1)
    texts = list(texts_of(shared))
    words = " ".join(text for text, _ in texts[:5000]).split()
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for index in range(count):
            text, label = generator.choice(texts)
            if generator.random() < 0.8:
                text = f"{text} {generator.choice(words)} {generator.choice(words)}"
            writer.writerow([index, text, label])


def measure(command):
    """Seconds and peak memory in MB of one run."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit("usage: data_clean.py PROGRAM SHARED_DATA [ROWS]")
    binary, shared = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) == 4 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.csv"
        write_rows(source, shared, count)
        print(f"{count:,} rows, {source.stat().st_size / 1e6:.0f} MB")
        for name, options in (("clean", []), ("clean --near-duplicates", ["--near-duplicates"]),
                              ("clean --redact all", ["--redact", "all"])):
            runs = [measure([binary, "data", "clean", source, "-o", Path(folder) / "clean.csv", *options])
                    for _ in range(RUNS)]
            seconds = min(run[0] for run in runs)
            print(f"{name:<26} {count / seconds:>10,.0f} rows/s   {max(run[1] for run in runs):>6.0f} MB")


if __name__ == "__main__":
    main()
