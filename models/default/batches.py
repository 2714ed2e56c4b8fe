"""Token ids and batches by token budget, sorted by length inside a pool so that little padding is computed."""

import random
from pathlib import Path

import torch
from tokenizers import Tokenizer

MAX_LENGTH = 128
POOL_TOKENS = 100_000  # rows are sorted by length within this much text, so an epoch stays well mixed


def load_tokenizer(directory):
    tokenizer = Tokenizer.from_file(str(Path(directory) / "tokenizer.json"))
    tokenizer.no_truncation()  # the file truncates at 256
    tokenizer.no_padding()
    return tokenizer


def encode(tokenizer, texts, max_length=MAX_LENGTH, rng=None):
    """Ids per text. A long text keeps its head or, half the time when `rng` is given, its tail."""
    encoded = []
    for encoding in tokenizer.encode_batch(list(texts)):
        ids = encoding.ids
        if len(ids) > max_length:
            from_tail = rng is not None and rng.random() < 0.5
            ids = ids[:1] + ids[1 - max_length :] if from_tail else ids[: max_length - 1] + ids[-1:]
        encoded.append(ids)
    return encoded


def plan(lengths, token_budget, seed):
    """Lists of row indices; a batch's rows times its longest row stay within the budget."""
    rng = random.Random(seed)
    order = list(range(len(lengths)))
    rng.shuffle(order)
    pools, pool, tokens = [], [], 0
    for index in order:
        pool.append(index)
        tokens += lengths[index]
        if tokens >= POOL_TOKENS:
            pools.append(pool)
            pool, tokens = [], 0
    if pool:
        pools.append(pool)
    batches = []
    for pool in pools:
        pool.sort(key=lambda index: lengths[index])
        of_pool, batch = [], []
        for index in pool:  # ascending, so the newest row is the longest
            if batch and (len(batch) + 1) * lengths[index] > token_budget:
                of_pool.append(batch)
                batch = []
            batch.append(index)
        of_pool.append(batch)
        rng.shuffle(of_pool)
        batches += of_pool
    return batches


def collate(encoded, batch):
    """(input_ids, attention_mask) of the rows of one batch, padded to its longest."""
    longest = max(len(encoded[index]) for index in batch)
    input_ids = torch.zeros(len(batch), longest, dtype=torch.long)
    attention_mask = torch.zeros_like(input_ids)
    for row, index in enumerate(batch):
        ids = torch.tensor(encoded[index])
        input_ids[row, : len(ids)] = ids
        attention_mask[row, : len(ids)] = 1
    return input_ids, attention_mask
