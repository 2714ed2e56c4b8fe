"""A classifier of a shape with seeded random weights, as PyTorch and ONNX want it. Run as a program: its libraries
stay out of the process that measures.    models.py SHAPE FOLDER LAYERS SHARED"""

import shutil
import sys
import warnings
from pathlib import Path

import shapes
import workload

STD = 0.06  # wide enough that a wrong activation or norm shows in the logits
SEED = 20


def config_of(shape, layers):
    from transformers import AutoConfig, BertConfig, DistilBertConfig

    if shape.model_type:
        sizes = {
            "hidden_size": shape.hidden,
            "intermediate_size": shape.intermediate,
            "num_attention_heads": shape.heads,
            "num_hidden_layers": layers,
        }
        if shape.model_type == "gpt2":
            names = {"hidden_size": "n_embd", "num_attention_heads": "n_head", "num_hidden_layers": "n_layer"}
            sizes = {names[key]: value for key, value in sizes.items() if key in names}
        return AutoConfig.for_model(shape.model_type, vocab_size=30522, num_labels=2, **sizes, **shape.settings)
    if not shape.token_types:
        return DistilBertConfig(
            num_labels=2, dim=shape.hidden, hidden_dim=shape.intermediate, n_heads=shape.heads, n_layers=layers
        )
    return BertConfig(
        num_labels=2,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_attention_heads=shape.heads,
        num_hidden_layers=layers,
        position_embedding_type="absolute",  # as published checkpoints say; CTranslate2's converter reads it
    )


def make(shape, folder, layers, shared):
    """Writes folder/hf (config.json, model.safetensors, tokenizer) and folder/plain.onnx, unless they exist."""
    if (folder / "plain.onnx").exists():
        return
    import torch
    from transformers import AutoModelForSequenceClassification

    (folder / "hf").mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)
    model = AutoModelForSequenceClassification.from_config(config_of(shape, layers)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            module = name.split(".")[-2].lower()
            is_norm_weight = ("norm" in module or module.startswith("ln_")) and name.endswith("weight")
            parameter.normal_(mean=1.0 if is_norm_weight else 0.0, std=STD)
    model.save_pretrained(folder / "hf")
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(shared / workload.TOKENIZER / file, folder / "hf" / file)
    export(folder)


def load_torch(folder, attention, dtype=None):
    from transformers import AutoModelForSequenceClassification

    hf = Path(folder) / "hf"
    auto = AutoModelForSequenceClassification
    try:
        return auto.from_pretrained(hf, attn_implementation=attention, dtype=dtype).eval()
    except ValueError:  # DeBERTa has no other form
        return auto.from_pretrained(hf, attn_implementation="eager", dtype=dtype).eval()


def logits_only(model):
    """The model with tensors in and out, as exporters want it."""
    import torch

    class LogitsOnly(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    return LogitsOnly().eval()


def export(folder):
    """plain.onnx. Attention is written out ("eager"): the form that ONNX Runtime's optimizer recognises. A model with
    token types adds the row of type 0, which is what a single text has."""
    import torch

    batch_and_length = {0: "batch_size", 1: "length"}
    example = torch.randint(1000, 30000, (2, 16))
    mask = torch.ones_like(example)
    mask[1, 9:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            logits_only(load_torch(folder, attention="eager")),
            (example, mask),
            str(folder / "plain.onnx"),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": batch_and_length, "attention_mask": batch_and_length},
            opset_version=17,
            dynamo=False,
        )


if __name__ == "__main__":
    make(shapes.ALL[sys.argv[1]], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
