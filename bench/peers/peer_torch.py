"""PyTorch on the CPU with fused attention: eager, compiled, and with dynamically quantised linear layers."""

import warnings

import models
import torch
import transformers
from engine import Engine


class Torch(Engine):
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}

    def __init__(self, model, threads):
        torch.set_num_threads(threads)
        self.model = model

    def prepare(self, batch):
        return torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask)

    @torch.no_grad()
    def forward(self, inputs):
        return self.model(input_ids=inputs[0], attention_mask=inputs[1]).logits.float()


def compiled(model):
    """With frozen weights: the compiler may then lay them out as its products want them."""
    import torch._inductor.config

    torch._inductor.config.freezing = True
    return torch.compile(model, dynamic=True)


def quantised(model):
    warnings.simplefilter("ignore")  # PyTorch announces another API
    torch.backends.quantized.engine = "x86"
    return torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)


def open_engine(folder, variant, threads):
    way, dtype = variant.split("-")
    if way == "dynamic":
        model = quantised(models.load_torch(folder, attention="sdpa"))
    else:
        model = models.load_torch(folder, attention="sdpa", dtype=getattr(torch, dtype))
    return Torch(compiled(model) if way == "compile" else model, threads)
