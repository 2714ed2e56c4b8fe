"""The texts of the comparison, also as token ids: read, tokenized and sampled once, the same for every engine."""

import csv
import gzip
import json
import random
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

MAX_LENGTH = 512
BLOCK = 64  # texts; every batch size divides it, so that a sample of blocks is whole batches for each of them

SOURCES = {"sst2": ("data/sst2/train.csv", 2000), "imdb": ("data/imdb/train.csv.gz", 500)}
TOKENIZER = "tokenizers/distilbert-sst2"  # the uncased vocabulary of 30,522 pieces, which both shapes have


@dataclass(frozen=True)
class Workload:
    """`sequences` in the order in which an engine that does not reorder gets them."""

    name: str  # "sst2", "imdb", "16 tokens"
    order: str  # "sorted", "unsorted"
    sequences: list
    texts: list  # as many, or none where there are only ids

    @cached_property
    def tokens(self):
        return sum(map(len, self.sequences))

    @property
    def label(self):
        return f"{self.name}-{self.order}-{len(self.sequences)}".replace(" ", "-")

    def part(self, blocks):
        """About `blocks` of its blocks of 64 texts, evenly spaced: to try things on."""
        every = max(1, len(self.sequences) // BLOCK // blocks)
        return Workload(
            f"part of {self.name}", self.order, sample(self.sequences, every), sample(self.texts, every)
        )

    def save(self, folder):
        """The same texts in three files: .json (a peer), .ids (encoder_bench), .csv (valence classify)."""
        path = Path(folder, self.label)
        path.with_suffix(".json").write_text(json.dumps(asdict(self)))
        path.with_suffix(".ids").write_text("".join(" ".join(map(str, ids)) + "\n" for ids in self.sequences))
        with open(path.with_suffix(".csv"), "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([["text"], *([text] for text in self.texts)])
        return path


def open_saved(path):
    return Workload(**json.loads(Path(path).with_suffix(".json").read_text()))


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
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(shared / TOKENIZER / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_LENGTH)
    tokenizer.no_padding()
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)]


def sample(items, every):
    """Every `every`-th block of 64, from the middle of its group, so that a sorted list is sampled at all lengths; one
    block from the middle where there are fewer blocks than that."""
    blocks = [items[i : i + BLOCK] for i in range(0, len(items), BLOCK)]
    return [item for block in blocks[min(every, len(blocks)) // 2 :: every] for item in block]


def load(shared, name, every, limit=None):
    """[sorted, unsorted] workloads of a source, each of every `every`-th block; `limit` cuts the texts (trials)."""
    path, count = SOURCES[name]
    texts = distinct_texts(Path(shared) / path, min(limit or count, count))
    pairs = list(zip(tokenize(shared, texts), texts, strict=True))
    orders = {"sorted": sorted(pairs, key=lambda pair: len(pair[0])), "unsorted": pairs}
    workloads = []
    for order, ordered in orders.items():
        sequences, kept = zip(*sample(ordered, every), strict=True)
        workloads.append(Workload(name, order, list(sequences), list(kept)))
    return workloads


def single_texts(length, count):
    """Texts of exactly `length` tokens, to be run one by one; the same ids every time."""
    ids = random.Random(length)
    first, last = 101, 102  # [CLS], [SEP]
    sequences = [[first, *(ids.randrange(1000, 30000) for _ in range(length - 2)), last] for _ in range(count)]
    return Workload(f"{length} tokens", "single", sequences, [])
