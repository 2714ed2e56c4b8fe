#!/usr/bin/env python3
"""Texts a second of valence's tokenizer and of PyPI `tokenizers`, on one thread, CPU time, the same texts in turns.

    python bench/tokenizer_peers.py MODEL FILE.csv [FILE.csv ...] [--bench build/bench/tokenizer_bench]

MODEL is a directory with tokenizer.json, or with a .model file that transformers' AutoTokenizer opens. Of a FILE the
column `text` counts. Needs what bench/peers/requirements.txt lists, and sentencepiece for .model files.
"""

import argparse
import csv
import os
import pathlib
import statistics
import subprocess
import time

os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "RAYON_NUM_THREADS": "1"}

ROUNDS = 3
MAX_LENGTH = 512


def open_reference(model):
    if (model / "tokenizer.json").exists():
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
        tokenizer.no_padding()
    else:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(model).backend_tokenizer
    tokenizer.enable_truncation(MAX_LENGTH)
    return tokenizer


def seconds(encode_batch, texts):
    begin = time.process_time()
    encodings = encode_batch(texts)
    return time.process_time() - begin, sum(map(len, encodings))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--bench", default="build/bench/tokenizer_bench")
    arguments = parser.parse_args()
    csv.field_size_limit(1 << 30)
    tokenizer = open_reference(arguments.model)
    for file in arguments.files:
        with open(file, encoding="utf-8", newline="") as rows:
            texts = [row["text"] for row in csv.DictReader(rows)]
        print(file, flush=True)
        fast, full, tokens = [], [], 0
        for _ in range(ROUNDS):
            subprocess.run([arguments.bench, str(arguments.model), file], check=True)
            elapsed, tokens = seconds(tokenizer.encode_batch_fast, texts)
            fast.append(elapsed)
            full.append(seconds(tokenizer.encode_batch, texts)[0])
        print(f"tokenizers: {len(texts)} texts, {tokens} tokens: {len(texts) / statistics.median(fast):.0f} texts/s, "
              f"with offsets {len(texts) / statistics.median(full):.0f} texts/s", flush=True)


if __name__ == "__main__":
    main()
