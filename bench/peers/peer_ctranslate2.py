"""CTranslate2: its encoder in int8, and the head, which it does not have, in NumPy."""

import ctranslate2
import numpy as np
from engine import Engine
from safetensors.numpy import load_file


class CTranslate2(Engine):
    versions = {"ctranslate2": ctranslate2.__version__}

    def __init__(self, encoder, weights, threads):
        self.encoder = ctranslate2.Encoder(
            str(encoder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads
        )
        is_bert = "bert.pooler.dense.weight" in weights
        dense = "bert.pooler.dense" if is_bert else "pre_classifier"
        self.activation = np.tanh if is_bert else lambda x: np.maximum(x, 0)
        self.dense = weights[f"{dense}.weight"].T, weights[f"{dense}.bias"]
        self.classifier = weights["classifier.weight"].T, weights["classifier.bias"]

    def prepare(self, batch):
        lengths = np.array([len(sequence) for sequence in batch.sequences], np.int32)
        return tuple(map(ctranslate2.StorageView.from_array, (batch.input_ids.astype(np.int32), lengths)))

    def forward(self, inputs):
        first = np.array(self.encoder.forward_batch(*inputs).last_hidden_state)[:, 0]
        pooled = self.activation(first @ self.dense[0] + self.dense[1])
        return pooled @ self.classifier[0] + self.classifier[1]


def open_engine(folder, variant, threads):
    encoder = folder / f"ctranslate2-{variant}"
    if not encoder.exists():
        ctranslate2.converters.TransformersConverter(str(folder / "hf")).convert(str(encoder), quantization=variant)
    return CTranslate2(encoder, load_file(folder / "hf/model.safetensors"), threads)
