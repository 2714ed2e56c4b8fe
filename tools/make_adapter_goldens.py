#!/usr/bin/env python3
"""Records logits of PEFT adapters over random base models as goldens for tests/parity.

    python tools/make_adapter_goldens.py --out tests/parity/data/adapter

Each case is a directory: the adapter as PEFT saves it, and golden.json. The base is a golden of tests/parity/data/model,
whose weights the tests make again by their recipe (make_model_goldens.py). The adapter runs beside its base, not merged.

Needs peft, torch, transformers, safetensors and numpy; their versions are written into the goldens.
"""

import argparse
import json
import pathlib

import peft
import torch
from safetensors.torch import load_file, save_file

import make_model_goldens as recipe

LENGTHS = [1, 5, 16, 33]


def cases():
    """name -> (base golden, labels or None for the base's, LoraConfig settings)."""
    return {
        "bert_query_value": ("bert_tiny_gelu", None, {"r": 4, "lora_alpha": 16, "target_modules": ["query", "value"]}),
        "bert_all_linear_five_labels": ("bert_tiny_gelu", 5, {"r": 2, "lora_alpha": 6, "target_modules": "all-linear"}),
        "camembert_patterns_rslora_bias":
            ("camembert_tiny", None, {"r": 4, "lora_alpha": 5, "use_rslora": True, "bias": "lora_only",
                                      "target_modules": ["query", "value"], "rank_pattern": {"query": 2},
                                      "alpha_pattern": {"layer.1.attention.self.value": 3}}),
        "modernbert_dora": ("modernbert_tiny", None, {"r": 3, "lora_alpha": 9, "use_dora": True,
                                                      "target_modules": ["Wqkv", "Wo"]}),
        "gpt2_fan_in_fan_out": ("gpt2_tiny", None, {"r": 4, "lora_alpha": 8, "fan_in_fan_out": True,
                                                    "target_modules": ["c_attn"]}),
        "distilbert_old_names": ("distilbert_tiny_relu", None, {"r": 4, "lora_alpha": 8, "lora_bias": True,
                                                                "target_modules": ["q_lin", "v_lin"]}),
    }


def old_name(key):
    """As PEFT before 0.3 wrote it: the adapter's name in between, the wrapper's prefix left out."""
    key = key.removeprefix("base_model.model.")
    for part in ("lora_A", "lora_B"):
        key = key.replace(f".{part}.", f".{part}.default.")
    for head in ("pre_classifier", "classifier"):
        if key.startswith(f"{head}."):
            key = f"{head}.modules_to_save.default.{key.removeprefix(head + '.')}"
    return key


def record(out, name, base_name, num_labels, settings, models):
    auto, config = recipe.cases()[base_name][0]
    golden = json.loads((models / f"{base_name}.json").read_text())
    base = auto.from_config(config, attn_implementation="eager")
    recipe.randomize(base, golden["weights"]["seed"], golden["weights"]["format"])
    if num_labels:
        config.num_labels = num_labels
        own = base.state_dict()
        base = auto.from_config(config, attn_implementation="eager")
        base.load_state_dict({key: value for key, value in own.items() if not key.startswith("classifier")},
                             strict=False)
    torch.manual_seed(len(name))
    adapted = peft.get_peft_model(base, peft.LoraConfig(task_type="SEQ_CLS", init_lora_weights=False, **settings))
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    adapted.eval()
    directory = out / name
    adapted.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    if name.endswith("old_names"):
        path = directory / "adapter_model.safetensors"
        save_file({old_name(key): value for key, value in load_file(path).items()}, path)
    if num_labels:
        labels = {str(i): f"label {i}" for i in range(num_labels)}
        (directory / "config.json").write_text(json.dumps({"id2label": labels}) + "\n")
    sequences = recipe.make_sequences(7, LENGTHS, config.vocab_size, 0)
    for sequence in sequences:
        sequence["logits"] = [recipe.shortest(logit) for logit in recipe.logits_of(adapted, sequence)]
    recipe.write(directory / "golden.json", {
        "name": name, "command": "tools/make_adapter_goldens.py", "base": base_name,
        "versions": {**recipe.versions(), "peft": peft.__version__}, "config": {}, "reference_noise": 0.0,
        "sequences": sequences})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/parity/data/adapter"))
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path("tests/parity/data/model"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, (base, labels, settings) in cases().items():
        record(arguments.out, name, base, labels, settings, arguments.models)


if __name__ == "__main__":
    main()
