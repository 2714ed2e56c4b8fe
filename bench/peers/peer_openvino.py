"""OpenVINO: the model from PyTorch, at each inference precision; int8 by NNCF, weights and activations."""

import random

import numpy as np
import openvino
from engine import Batch, Engine

CALIBRATION_TEXTS = 128


class OpenVino(Engine):
    versions = {"openvino": openvino.__version__.split("-")[0]}

    def __init__(self, model, hint, threads):
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": hint,
            "ENABLE_CPU_PINNING": False,  # the cores are chosen outside
        }
        self.request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()

    def prepare(self, batch):
        return [batch.input_ids, batch.attention_mask]

    def forward(self, inputs):
        # Copied: the request owns its output.
        return np.array(self.request.infer(inputs, share_inputs=True)[0])


def convert(folder, target):
    import models
    import torch

    example = torch.randint(1000, 30000, (2, 16))
    model = openvino.convert_model(
        models.logits_only(models.load_torch(folder, attention="sdpa")),
        example_input=(example, torch.ones_like(example)),
    )
    model.reshape({node: [-1, -1] for node in model.inputs})
    openvino.save_model(model, str(target), compress_to_fp16=False)


def quantise(source, target):
    """Post-training quantisation as NNCF does it for transformers. The texts that it calibrates on are random, like
    the weights."""
    import nncf

    ids = random.Random(3)
    texts = [[101, *(ids.randrange(1000, 30000) for _ in range(30)), 102] for _ in range(CALIBRATION_TEXTS)]
    batches = [Batch([text]) for text in texts]
    data = nncf.Dataset(batches, lambda batch: [batch.input_ids, batch.attention_mask])
    model = nncf.quantize(
        openvino.Core().read_model(str(source)),
        data,
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=CALIBRATION_TEXTS,
    )
    openvino.save_model(model, str(target), compress_to_fp16=False)
    return nncf.__version__


def open_engine(folder, variant, threads):
    path, quantised = folder / "openvino.xml", folder / "openvino-int8.xml"
    if not path.exists():
        convert(folder, path)
    if variant == "int8":
        if not quantised.exists():
            quantise(path, quantised)
        path = quantised
    # What the int8 graph leaves in floating point may be 16 bits wide, as OpenVINO has it by default.
    hint = "bf16" if variant == "int8" else variant
    return OpenVino(openvino.Core().read_model(str(path)), hint, threads)
