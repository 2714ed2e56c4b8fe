"""Writes the shipped directory: config, tokenizer and int8 weights, from a trained checkpoint and its temperature."""

import argparse
import json
from pathlib import Path

import torch
from batches import load_tokenizer
from calibrate import fit_temperature, fold
from classifier import load
from frames import PlainGuard, default_plain_path
from quantise import dequantise_state, quantise_state
from safetensors.torch import save_file
from sources import LABELS

CONFIG_KEYS = (
    "hidden_act", "hidden_size", "initializer_range", "intermediate_size", "layer_norm_eps", "max_position_embeddings",
    "num_attention_heads", "num_hidden_layers", "pad_token_id", "type_vocab_size", "vocab_size",
)  # fmt: skip


def shipped_config(config):
    return {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        **{key: getattr(config, key) for key in CONFIG_KEYS},
        "attention_probs_dropout_prob": 0.1,
        "hidden_dropout_prob": 0.1,
        "position_embedding_type": "absolute",
        "id2label": {str(index): name for index, name in enumerate(LABELS)},
        "label2id": {name: index for index, name in enumerate(LABELS)},
        "problem_type": "single_label_classification",
        "torch_dtype": "float32",
    }


TOKENIZER_CONFIG = {
    "tokenizer_class": "BertTokenizer", "do_lower_case": True, "do_basic_tokenize": True, "never_split": None,
    "strip_accents": None, "tokenize_chinese_chars": True, "model_max_length": 512,
    "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
}  # fmt: skip


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_directory(directory, config, tokenizer, tensors, metadata):
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / "config.json", config)
    write_json(directory / "tokenizer_config.json", TOKENIZER_CONFIG)
    tokenizer.save(str(directory / "tokenizer.json"), pretty=False)
    save_file(tensors, directory / "model.safetensors", metadata=metadata)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="the last stage's directory")
    parser.add_argument("--common", required=True, help="the first stage's directory")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path())
    parser.add_argument("--out", default=Path(__file__).resolve().parent, type=Path)
    parser.add_argument("--f32", required=True, type=Path, help="where the unquantised model goes")
    parser.add_argument("--dequantised", required=True, type=Path, help="where f32 copies of the int8 weights go")
    options = parser.parse_args()

    model, tokenizer = load(options.model), load_tokenizer(options.model)
    guard = PlainGuard.from_csv(options.plain)
    temperature, account = fit_temperature(model, load(options.common), tokenizer, options.data, "final", guard)
    fold(model, temperature)

    state = {name: tensor.clone().contiguous() for name, tensor in model.state_dict().items()}
    stored = quantise_state(state)
    config = shipped_config(model.config)
    quantisation = {"format": "pt", "quantization": "int8 per output row, symmetric"}
    write_directory(options.out, config, tokenizer, stored, quantisation)
    write_directory(options.f32, config, tokenizer, state, {"format": "pt"})
    write_directory(options.dequantised, config, tokenizer, dequantise_state(stored), {"format": "pt"})
    write_json(options.f32 / "calibration.json", account)
    size = sum((options.out / name).stat().st_size for name in
               ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"))  # fmt: skip
    print(f"temperature {temperature:.3f} folded into the classifier; {size / 1e6:.2f} MB in {options.out}")


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
