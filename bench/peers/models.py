"""One DistilBERT-base classifier with seeded random weights, in every form an engine wants it."""

import warnings
from pathlib import Path

import torch
from onnxruntime.transformers import optimizer
from transformers import DistilBertConfig, DistilBertForSequenceClassification

STD = 0.06  # wide enough that a wrong activation or norm shows in the logits


class LogitsOnly(torch.nn.Module):
    """The model with tensors in and out, as the ONNX exporter wants it."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


def make(folder, layers=6):
    """Writes folder/hf (config.json, model.safetensors), folder/plain.onnx and folder/fused.onnx; returns the counts of
    what ONNX Runtime's optimizer fused. Does nothing where they exist."""
    folder = Path(folder)
    fused_note = folder / "fused.txt"
    if fused_note.exists():
        return fused_note.read_text()
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(20)
    model = DistilBertForSequenceClassification(DistilBertConfig(num_labels=2, n_layers=layers)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm_weight = "layer_norm" in name.lower() and name.endswith("weight")
            parameter.normal_(mean=1.0 if is_norm_weight else 0.0, std=STD)
    model.save_pretrained(folder / "hf")
    export(folder)
    fused = optimizer.optimize_model(
        str(folder / "plain.onnx"), model_type="bert", num_heads=12, hidden_size=768, opt_level=0
    )
    fused.save_model_to_file(str(folder / "fused.onnx"))
    counts = {op: n for op, n in fused.get_fused_operator_statistics().items() if n}
    fused_note.write_text(", ".join(f"{n} {op}" for op, n in counts.items()))
    return fused_note.read_text()


def export(folder):
    """plain.onnx. Attention is written out ("eager"): the form that ONNX Runtime's optimizer recognises."""
    model = load_torch(folder, attention="eager")
    batch_and_length = {0: "batch_size", 1: "length"}
    example = torch.randint(1000, 30000, (2, 16))
    mask = torch.ones_like(example)
    mask[1, 9:] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            LogitsOnly(model).eval(),
            (example, mask),
            str(folder / "plain.onnx"),
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={"input_ids": batch_and_length, "attention_mask": batch_and_length},
            opset_version=17,
            dynamo=False,
        )


def load_torch(folder, attention):
    model = DistilBertForSequenceClassification.from_pretrained(Path(folder) / "hf", attn_implementation=attention)
    return model.eval()
