"""The classifier's head in NumPy, for engines that end at the hidden states. It is a row a text: its time is nothing
beside the encoder's."""

import numpy as np
from safetensors.numpy import load_file


class Head:
    def __init__(self, folder):
        weights = load_file(folder / "hf/model.safetensors")
        is_bert = "bert.pooler.dense.weight" in weights
        dense = "bert.pooler.dense" if is_bert else "pre_classifier"
        self.activation = np.tanh if is_bert else lambda x: np.maximum(x, 0)
        self.dense = weights[f"{dense}.weight"].T, weights[f"{dense}.bias"]
        self.classifier = weights["classifier.weight"].T, weights["classifier.bias"]

    def logits(self, first):
        """`first`: the last hidden states of the texts' first tokens, [texts, hidden]."""
        pooled = self.activation(first @ self.dense[0] + self.dense[1])
        return pooled @ self.classifier[0] + self.classifier[1]
