"""Reads the labelled sets and says, row by row, what each one can and cannot tell.

A binary set knows nothing of "neutral": its rows carry the label set {negative, positive}, and the loss takes its softmax
over just those. Sets marked non-commercial (financial_phrasebank, airline_tweets, raw_feedback*) are not named here at
all, so that no switch can bring them in.
"""

import csv
import gzip
import json
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from frames import words

NEGATIVE, NEUTRAL, POSITIVE = 0, 1, 2
LABELS = ("negative", "neutral", "positive")
LABEL_ID = {name: index for index, name in enumerate(LABELS)}
BINARY, FULL = (NEGATIVE, POSITIVE), (NEGATIVE, NEUTRAL, POSITIVE)

SST5_TO_THREE = {"very negative": NEGATIVE, "negative": NEGATIVE, "neutral": NEUTRAL,
                 "positive": POSITIVE, "very positive": POSITIVE}  # fmt: skip
EMOTION_TO_THREE = {"joy": POSITIVE, "optimism": POSITIVE, "anger": NEGATIVE, "sadness": NEGATIVE}
ASPECT_SETS = ("semeval14_restaurants", "semeval14_laptops", "semeval16_restaurants",
               "mams_terms", "mams_categories", "acos_laptops", "acos_restaurants")  # fmt: skip

# What is kept out together when a source group is held out.
GROUPS = {
    "reviews": ("customer_reviews", "uci_sentences"),
    "tweets": ("tweet_sentiment", "tweet_emotion", "twitter_targets"),
    "goemotions": ("goemotions",),
}


@dataclass(frozen=True)
class Row:
    text: str
    label: int
    allowed: tuple  # label ids the source can tell apart
    source: str


def read_table(data, name, split):
    """The rows of a CSV or JSON-lines set as dictionaries, whatever its file is called."""
    for suffix in (".csv", ".csv.gz", ".jsonl"):
        path = Path(data) / name / (split + suffix)
        if not path.exists():
            continue
        opener = gzip.open if suffix.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            if suffix == ".jsonl":
                return [json.loads(line) for line in file]
            return list(csv.DictReader(file))
    raise FileNotFoundError(f"{data}/{name}: no {split}.csv, {split}.csv.gz or {split}.jsonl")


def labelled(name, allowed, column="text", mapping=LABEL_ID, source=None):
    """A reader for a set whose label column maps straight to our three."""

    def read(data, split):
        return [Row(r[column], mapping[r["label"]], allowed, source or name) for r in read_table(data, name, split)]

    return read


def goemotions(data, split):
    """Only rows whose sentiment is one value, and not `ambiguous`."""
    rows = read_table(data, "goemotions", split)
    return [Row(r["text"], LABEL_ID[r["sentiment"]], FULL, "goemotions") for r in rows if r["sentiment"] in LABEL_ID]


def aspects(name):
    """A sentence is worth its aspects' polarity where they all agree; mixed and unmarked ones say nothing of the whole."""

    def read(data, split):
        rows = []
        for r in read_table(data, name, split):
            marks = r.get("aspects", []) + r.get("categories", []) + r.get("quads", [])
            polarities = {mark["polarity"] for mark in marks}
            if len(polarities) == 1 and polarities <= set(LABEL_ID):
                rows.append(Row(r["text"], LABEL_ID[polarities.pop()], FULL, name))
        return rows

    return read


def questions(data, split):
    """Quiz questions ask for facts: neutral."""
    return [Row(r["text"], NEUTRAL, FULL, "trec_questions") for r in read_table(data, "trec_questions", split)]


def plots(data, split):
    """Sentences of plot summaries tell what happens, often sad things, and judge nothing: neutral."""
    rows = read_table(data, "subjectivity", split)
    return [Row(r["text"], NEUTRAL, FULL, "subjectivity") for r in rows if r["label"] == "objective"]


READERS = {
    "sst2": labelled("sst2", BINARY),
    "sst2_natural": labelled("sst2", BINARY, column="text_natural", source="sst2_natural"),
    "sst2_phrases": labelled("sst2_phrases", BINARY),
    "sst5": labelled("sst5", FULL, column="text_natural", mapping=SST5_TO_THREE),
    "rt_polarity": labelled("rt_polarity", BINARY),
    "imdb": labelled("imdb", BINARY),
    "customer_reviews": labelled("customer_reviews", BINARY),
    "uci_sentences": labelled("uci_sentences", BINARY),
    "tweet_sentiment": labelled("tweet_sentiment", FULL),
    "tweet_emotion": labelled("tweet_emotion", BINARY, mapping=EMOTION_TO_THREE),
    "twitter_targets": aspects("twitter_targets"),
    "goemotions": goemotions,
    "trec_questions": questions,
    "subjectivity": plots,
    **{name: aspects(name) for name in ASPECT_SETS},
}


def normalised(text):
    return " ".join(words(text))


def dev_texts(data):
    """Normalised dev texts of every set that is read here."""
    return {normalised(row.text) for read in READERS.values() for row in read(data, "dev")}


def is_calibration(text):
    """One row in 25 is cut from training, for the temperature (prepare.py says of which sources); by hash, so that a
    repeated text falls on one side."""
    return zlib.crc32(normalised(text).encode()) % 25 == 0


def read_training(data, names, guard, log=print):
    """(training rows, calibration rows) by source name, without dev texts and without frames of the plain lines."""
    dev = dev_texts(data)
    training, calibration, dropped = {}, {}, Counter()
    for name in names:
        seen = set()
        training[name], calibration[name] = [], []
        for row in READERS[name](data, "train"):
            key = normalised(row.text)
            if key in dev:
                dropped["dev text"] += 1
            elif key in seen:
                dropped["repeated"] += 1
            elif guard.reason(row.text) is not None:
                dropped["plain frame"] += 1
            else:
                (calibration if is_calibration(row.text) else training)[name].append(row)
            seen.add(key)
    log(f"read {sum(map(len, training.values()))} training rows, {sum(map(len, calibration.values()))} cut for "
        f"calibration; dropped {dict(dropped)}")  # fmt: skip
    return training, calibration
