"""The texts of the comparison as token ids: read, tokenized and sampled once, the same for every engine."""

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

MAX_LENGTH = 512
BLOCK = 64  # texts; every batch size divides it, so that a sample of blocks is whole batches for each of them

SOURCES = {"sst2": ("data/sst2/train.csv", 2000), "imdb": ("data/imdb/train.csv.gz", 500)}


@dataclass(frozen=True)
class Workload:
    """`sequences` in the order in which an engine that does not reorder gets them."""

    name: str  # "sst2", "imdb"
    order: str  # "sorted", "unsorted"
    sequences: list

    @property
    def tokens(self):
        return sum(map(len, self.sequences))

    def gflop(self, layers=6):
        """All layers over real tokens: 84.9 Mflop a token in linear layers, 18.4 kflop a pair of tokens in attention."""
        whole = 84.9e6 * self.tokens + 18.4e3 * sum(len(s) ** 2 for s in self.sequences)
        return whole * layers / 6 / 1e9

    def batches(self, size):
        """Padded (input_ids, attention_mask) int64 arrays of `size` texts, in order."""
        return [pad(self.sequences[i : i + size]) for i in range(0, len(self.sequences), size)]


def pad(sequences):
    shape = (len(sequences), max(map(len, sequences)))
    input_ids, attention_mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, sequence in enumerate(sequences):
        input_ids[row, : len(sequence)] = sequence
        attention_mask[row, : len(sequence)] = 1
    return input_ids, attention_mask


def distinct_texts(path, count):
    """The first `count` distinct values of column `text`."""
    opener = gzip.open if path.suffix == ".gz" else open
    texts = {}
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            texts.setdefault(row["text"])
            if len(texts) == count:
                break
    return list(texts)


def tokenize(shared, texts):
    tokenizer = Tokenizer.from_file(str(shared / "tokenizers/distilbert-sst2/tokenizer.json"))
    tokenizer.enable_truncation(MAX_LENGTH)
    tokenizer.no_padding()
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def sample(sequences, every):
    """Every `every`-th block of 64, from the middle of its group, so that a sorted list is sampled at all lengths."""
    blocks = [sequences[i : i + BLOCK] for i in range(0, len(sequences), BLOCK)]
    return [sequence for block in blocks[every // 2 :: every] for sequence in block]


def load(shared, name, every, limit=None):
    """[sorted, unsorted] workloads of a source, each of every `every`-th block; `limit` cuts the texts (trials)."""
    path, count = SOURCES[name]
    sequences = tokenize(shared, distinct_texts(Path(shared) / path, limit or count))
    by_length = sorted(sequences, key=len)
    return [Workload(name, "sorted", sample(by_length, every)), Workload(name, "unsorted", sample(sequences, every))]
