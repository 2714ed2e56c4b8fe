"""CTranslate2: its encoder in int8, and the head, which it does not have, in NumPy."""

import ctranslate2
import numpy as np
from engine import Engine
from head import Head


class CTranslate2(Engine):
    versions = {"ctranslate2": ctranslate2.__version__}

    def __init__(self, encoder, head, threads):
        self.encoder = ctranslate2.Encoder(
            str(encoder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=threads
        )
        self.head = head

    def prepare(self, batch):
        lengths = np.array([len(sequence) for sequence in batch.sequences], np.int32)
        return tuple(map(ctranslate2.StorageView.from_array, (batch.input_ids.astype(np.int32), lengths)))

    def forward(self, inputs):
        return self.head.logits(np.array(self.encoder.forward_batch(*inputs).last_hidden_state)[:, 0])


def open_engine(folder, variant, threads):
    encoder = folder / f"ctranslate2-{variant}"
    if not encoder.exists():
        ctranslate2.converters.TransformersConverter(str(folder / "hf")).convert(str(encoder), quantization=variant)
    return CTranslate2(encoder, Head(folder), threads)
