"""Logits of many texts, in the order given."""

import torch
from batches import collate, encode, plan
from classifier import logits

MAX_POSITIONS = 512


@torch.inference_mode()
def logits_of(model, tokenizer, texts, max_length=MAX_POSITIONS, token_budget=4000):
    """[texts, 3] float32."""
    model.eval()
    encoded = encode(tokenizer, texts, max_length)
    out = torch.zeros(len(encoded), model.config.num_labels)
    for batch in plan([len(ids) for ids in encoded], token_budget, seed=0):
        out[batch] = logits(model, *collate(encoded, batch))
    return out
