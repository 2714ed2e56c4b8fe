#!/usr/bin/env python3
"""Records logits of transformers' sequence classifiers as goldens for tests/parity.

    python tools/make_model_goldens.py --out tests/parity/data/model
    python tools/make_model_goldens.py --checkpoint DIR --texts FILE --name NAME --out tests/parity/data/model

The first form gives every shape random weights by the recipe of tests/support/random_checkpoint.h, so the tests can
make the same weights again. The second records a checkpoint as it lies in DIR; FILE is JSON (a list
of sequences: lists of token ids, or objects with input_ids and token_type_ids) or plain text, one text a line, which
DIR's own tokenizer encodes. Each sequence runs alone, without padding, on one thread, in f32; a run in f64 tells how
far f32 itself may be off.

Needs torch, transformers, safetensors and numpy; their versions are written into the goldens.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer

GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)
LENGTHS = [1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 33, 64, 100, 129, 200, 256, 511, 512]
FEW_LENGTHS = [1, 2, 7, 16, 33, 64, 128, 300, 512]
FULL_SIZE_LENGTHS = [1, 9, 34, 150]
TOKEN_LENGTHS = [1, 3, 17, 40]
LONG_LENGTHS = [513, 1500, 4000]


def mix(x):
    """SplitMix64's output function, on arrays."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


def positions(count):
    return (np.arange(count, dtype=np.uint64) + np.uint64(1)) * GOLDEN_GAMMA


def words(name, seed, count):
    return mix(np.uint64(seed ^ fnv1a(name)) + positions(count))


def normal_values(name, seed, shape, mean, std):
    x = words(name, seed, int(np.prod(shape)))
    lanes = sum((x >> np.uint64(16 * i)) & np.uint64(0xFFFF) for i in range(4)).astype(np.int32)
    values = np.float32(mean) + (2 * lanes - 4 * 65535).astype(np.float32) * np.float32(std / 75674.0)
    assert values.dtype == np.float32
    return values.reshape(shape)


def to_bf16(values):
    bits = values.view(np.uint32)
    rounded = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
    return rounded.view(np.float32)


def stored_values(name, seed, shape, mean, std, weight_format):
    """What a reader of the file sees, in f32."""
    if weight_format == "I8" and len(shape) == 2:
        top_bytes = (words(name, seed, int(np.prod(shape))) >> np.uint64(56)).astype(np.uint8).view(np.int8)
        quantized = np.maximum(top_bytes, -127).astype(np.float32).reshape(shape)
        scale = std / 74.0
        return quantized * normal_values(name + "_scale", seed, (shape[0],), scale, scale / 10.0)[:, None]
    values = normal_values(name, seed, shape, mean, std)
    if weight_format == "F16":
        return values.astype(np.float16).astype(np.float32)
    if weight_format == "BF16":
        return to_bf16(values)
    return values


def hash_of(values):
    bits = np.ascontiguousarray(values).reshape(-1).view(np.uint32).astype(np.uint64)
    return int(np.sum(mix(bits ^ positions(bits.size)), dtype=np.uint64))


def spread(name):
    """Mean and deviation of a parameter: large enough that a wrong activation or a forgotten bias shows."""
    module = name.rsplit(".", 2)[-2]
    is_norm = "norm" in module.lower() or module.startswith("ln_")
    if is_norm:
        return (1.0 if name.endswith(".weight") else 0.0), 0.1
    return 0.0, 0.06


def randomize(model, seed, weight_format):
    tensors = []
    with torch.no_grad():
        for name, parameter in sorted(model.state_dict().items()):
            mean, std = spread(name)
            shape = tuple(parameter.shape)
            values = stored_values(name, seed, shape, mean, std, weight_format)
            parameter.copy_(torch.from_numpy(values))
            tensors.append({"name": name, "shape": list(shape), "mean": mean, "std": std,
                            "hash": f"{hash_of(values):016x}"})
    return {"seed": seed, "format": weight_format, "tensors": tensors}


def make_sequences(seed, lengths, vocab_size, type_vocab_size):
    """Random ids; every third sequence of a model with token types is a pair."""
    random = np.random.Generator(np.random.PCG64(seed))
    sequences = []
    for index, length in enumerate(lengths):
        sequence = {"input_ids": random.integers(0, vocab_size, length).tolist()}
        if type_vocab_size > 1 and index % 3 == 2:
            first = int(random.integers(1, length + 1))
            sequence["token_type_ids"] = [0] * first + [1] * (length - first)
        sequences.append(sequence)
    return sequences


def logits_of(model, sequence):
    inputs = {"input_ids": torch.tensor([sequence["input_ids"]])}
    if "token_type_ids" in sequence:
        inputs["token_type_ids"] = torch.tensor([sequence["token_type_ids"]])
    with torch.no_grad():
        return model(**inputs).logits[0].flatten().numpy()


def shortest(value):
    """The f32 as the double whose repr() is the shortest decimal that reads back as that f32."""
    return float(str(np.float32(value)))


def record(model, sequences):
    """Adds logits to `sequences`; returns how far f32 is from f64, relative to the largest logit."""
    model.eval()
    f32 = [logits_of(model, sequence) for sequence in sequences]
    model.double()
    f64 = [logits_of(model, sequence) for sequence in sequences]
    for sequence, logits in zip(sequences, f32):
        sequence["logits"] = [shortest(logit) for logit in logits]
    largest = max(np.abs(logits).max() for logits in f64)
    return max(np.abs(a - b).max() for a, b in zip(f32, f64)) / largest


def classifier(model_type, hidden_size, layers, heads, vocab_size, *, ffn=4, tokens=False, **settings):
    """A model's class and configuration, from the sizes that every architecture has."""
    sizes = {"hidden_size": hidden_size, "num_hidden_layers": layers, "num_attention_heads": heads,
             "intermediate_size": int(ffn * hidden_size), "vocab_size": vocab_size}
    names = {"distilbert": {"hidden_size": "dim", "num_hidden_layers": "n_layers", "num_attention_heads": "n_heads",
                            "intermediate_size": "hidden_dim"},
             "gpt2": {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head",
                      "intermediate_size": "n_inner"}}.get(model_type, {})
    sizes = {names.get(key, key): value for key, value in sizes.items()}
    auto = AutoModelForTokenClassification if tokens else AutoModelForSequenceClassification
    config = AutoConfig.for_model(model_type, **sizes, **settings)
    config.architectures = [auto._model_mapping[type(config)].__name__]
    return auto, config


def cases():
    """name -> (class and config, weight format, lengths). Vocabularies are small: they only cost time and space."""
    multi_label = {"num_labels": 4, "problem_type": "multi_label_classification"}
    regression = {"num_labels": 1, "problem_type": "regression"}
    roberta = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
    deberta = {"relative_attention": True, "position_buckets": 256, "norm_rel_ebd": "layer_norm", "share_att_key": True,
               "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "max_position_embeddings": 512,
               "type_vocab_size": 0, "layer_norm_eps": 1e-7}
    modernbert = {"max_position_embeddings": 8192, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
                  "cls_token_id": 1, "sep_token_id": 2}
    no_padding = {"pad_token_id": None, "bos_token_id": 1, "eos_token_id": 2}
    llama3_rope = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
                   "high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    return {
        "bert_tiny_gelu": (classifier("bert", 128, 2, 2, 1000, num_labels=2), "F32", LENGTHS),
        "bert_tiny_gelu_new_bf16":
            (classifier("bert", 128, 2, 2, 1000, num_labels=3, hidden_act="gelu_new"), "BF16", LENGTHS),
        "bert_tiny_relu_f16_regression":
            (classifier("bert", 128, 2, 2, 1000, hidden_act="relu", **regression), "F16", LENGTHS),
        "bert_tiny_silu_i8_multi_label":
            (classifier("bert", 128, 2, 2, 1000, hidden_act="silu", **multi_label), "I8", LENGTHS),
        "bert_tiny_large_eps": (classifier("bert", 128, 2, 2, 1000, num_labels=2, layer_norm_eps=1e-3), "F32",
                                FEW_LENGTHS),
        "distilbert_tiny_relu": (classifier("distilbert", 128, 2, 2, 1000, num_labels=3, activation="relu"), "F32",
                                 LENGTHS),
        "minilm_l6": (classifier("bert", 384, 6, 12, 3000, num_labels=3), "F32", LENGTHS),
        "minilm_l6_i8": (classifier("bert", 384, 6, 12, 3000, num_labels=3), "I8", FEW_LENGTHS),
        "distilbert_base": (classifier("distilbert", 768, 6, 12, 4000, num_labels=2), "F32", LENGTHS),
        "bert_base": (classifier("bert", 768, 12, 12, 4000, num_labels=3), "F32", FEW_LENGTHS),
        # The other architectures, small, then in full size.
        "roberta_tiny": (classifier("roberta", 128, 2, 2, 60, num_labels=3, **roberta), "F32", LENGTHS),
        "xlm_roberta_tiny_multi_label":
            (classifier("xlm-roberta", 96, 3, 3, 1000, **multi_label, **roberta), "F32", FEW_LENGTHS),
        "camembert_tiny": (classifier("camembert", 64, 2, 4, 1000, num_labels=2, **roberta), "F32", FEW_LENGTHS),
        "electra_tiny": (classifier("electra", 128, 2, 2, 1000, num_labels=2, embedding_size=64), "F32", LENGTHS),
        "electra_tiny_wide_tables":
            (classifier("electra", 64, 2, 2, 1000, num_labels=2, embedding_size=64), "F32", FEW_LENGTHS),
        "albert_tiny": (classifier("albert", 128, 4, 2, 1000, num_labels=2, embedding_size=32,
                                   hidden_act="gelu_new"), "F32", LENGTHS),
        "albert_tiny_two_groups_of_two":
            (classifier("albert", 64, 4, 2, 1000, num_labels=3, embedding_size=32, num_hidden_groups=2,
                        inner_group_num=2), "F32", FEW_LENGTHS),
        "mpnet_tiny": (classifier("mpnet", 128, 2, 4, 60, num_labels=3, max_position_embeddings=514,
                                  relative_attention_num_buckets=32, layer_norm_eps=1e-5), "F32", LENGTHS),
        "deberta_v3_tiny": (classifier("deberta-v2", 128, 2, 2, 1000, num_labels=3, **deberta), "F32", LENGTHS),
        "deberta_v2_tiny_own_projections":
            (classifier("deberta-v2", 64, 2, 2, 1000, num_labels=2, **{
                **deberta, "share_att_key": False, "position_buckets": -1, "max_relative_positions": 40,
                "pos_att_type": "c2p|p2c", "type_vocab_size": 2, "position_biased_input": True,
                "norm_rel_ebd": "none"}), "F32", FEW_LENGTHS),
        "deberta_v2_tiny_c2p":
            (classifier("deberta-v2", 64, 2, 2, 1000, num_labels=2, **{**deberta, "pos_att_type": ["c2p"],
                                                                       "position_buckets": 16}), "F32", FEW_LENGTHS),
        "deberta_v2_tiny_without_relative_attention":
            (classifier("deberta-v2", 64, 2, 2, 1000, num_labels=2, max_position_embeddings=512), "F32", FEW_LENGTHS),
        "modernbert_tiny": (classifier("modernbert", 128, 5, 2, 1000, ffn=2, num_labels=3, local_attention=32,
                                       classifier_pooling="cls", **modernbert), "F32", LENGTHS),
        "modernbert_tiny_mean_biases":
            (classifier("modernbert", 96, 4, 3, 1000, ffn=2, num_labels=2, local_attention=128,
                        classifier_pooling="mean", classifier_bias=True, attention_bias=True, mlp_bias=True,
                        norm_bias=True, global_attn_every_n_layers=2, **modernbert), "F32", FEW_LENGTHS),
        "nomic_bert_tiny": (classifier("nomic_bert", 128, 2, 4, 1000, num_labels=2), "F32", LENGTHS),
        "gte_tiny": (classifier("gte", 96, 2, 2, 1000, num_labels=1, type_vocab_size=0), "F32", FEW_LENGTHS),
        "gpt2_tiny": (classifier("gpt2", 128, 2, 2, 1000, num_labels=2, n_positions=512, **no_padding), "F32", LENGTHS),
        "llama_tiny": (classifier("llama", 128, 2, 4, 1000, ffn=2, num_labels=3, num_key_value_heads=2,
                                  max_position_embeddings=512, **no_padding), "F32", LENGTHS),
        "llama3_tiny_stretched":
            (classifier("llama", 128, 2, 4, 1000, ffn=2, num_labels=3, num_key_value_heads=1, head_dim=64,
                        attention_bias=True, mlp_bias=True, max_position_embeddings=512, rope_parameters=llama3_rope,
                        **no_padding), "F32", FEW_LENGTHS),
        "mistral_tiny_window":
            (classifier("mistral", 128, 2, 4, 1000, ffn=2, num_labels=2, num_key_value_heads=2, sliding_window=20,
                        max_position_embeddings=512, **no_padding), "F32", FEW_LENGTHS),
        "qwen2_tiny": (classifier("qwen2", 128, 2, 4, 1000, ffn=2, num_labels=2, num_key_value_heads=2,
                                  max_position_embeddings=512, **no_padding), "F32", FEW_LENGTHS),
        "qwen3_tiny": (classifier("qwen3", 128, 2, 4, 1000, ffn=2, num_labels=2, num_key_value_heads=2, head_dim=48,
                                  max_position_embeddings=512, **no_padding), "F32", FEW_LENGTHS),
        "roberta_base": (classifier("roberta", 768, 12, 12, 500, num_labels=3, **roberta), "F32", FULL_SIZE_LENGTHS),
        "electra_small": (classifier("electra", 256, 12, 4, 500, num_labels=2, embedding_size=128), "F32",
                          FULL_SIZE_LENGTHS),
        "albert_base": (classifier("albert", 768, 12, 12, 500, num_labels=2, embedding_size=128,
                                   hidden_act="gelu_new"), "F32", FULL_SIZE_LENGTHS),
        "mpnet_base": (classifier("mpnet", 768, 12, 12, 500, num_labels=2, max_position_embeddings=514,
                                  relative_attention_num_buckets=32, layer_norm_eps=1e-5), "F32", FULL_SIZE_LENGTHS),
        "deberta_v3_base": (classifier("deberta-v2", 768, 12, 12, 500, num_labels=3, **deberta), "F32",
                            FULL_SIZE_LENGTHS),
        "modernbert_base": (classifier("modernbert", 768, 22, 12, 500, ffn=1.5, num_labels=3, **modernbert), "F32",
                            FULL_SIZE_LENGTHS),
        "gpt2_base": (classifier("gpt2", 768, 12, 12, 500, num_labels=2, **no_padding), "F32", FULL_SIZE_LENGTHS),
        "qwen3_base": (classifier("qwen3", 1024, 8, 16, 500, ffn=3, num_labels=2, num_key_value_heads=8, head_dim=128,
                                  **no_padding), "F32", FULL_SIZE_LENGTHS),
        # Token classification: logits of every token.
        "bert_tiny_tokens": (classifier("bert", 64, 2, 2, 1000, tokens=True, num_labels=5), "F32", TOKEN_LENGTHS),
        "distilbert_tiny_tokens":
            (classifier("distilbert", 64, 2, 2, 1000, tokens=True, num_labels=5), "F32", TOKEN_LENGTHS),
        "roberta_tiny_tokens":
            (classifier("roberta", 64, 2, 2, 1000, tokens=True, num_labels=5, **roberta), "F32", TOKEN_LENGTHS),
        "deberta_v3_tiny_tokens":
            (classifier("deberta-v2", 64, 2, 2, 1000, tokens=True, num_labels=5, **deberta), "F32", TOKEN_LENGTHS),
        "modernbert_tiny_tokens": (classifier("modernbert", 64, 3, 2, 1000, ffn=2, tokens=True, num_labels=5,
                                              **modernbert), "F32", TOKEN_LENGTHS),
        # A case's place is its seed: new ones come last.
        "deberta_v2_tiny_convolution":
            (classifier("deberta-v2", 64, 3, 2, 1000, num_labels=2, conv_kernel_size=3, conv_act="gelu", **deberta),
             "F32", FEW_LENGTHS),
        # Longer than BERT reads: windows, rotary angles and causal masks far from the beginning.
        "modernbert_tiny_long": (classifier("modernbert", 64, 4, 2, 1000, ffn=2, num_labels=3, local_attention=128,
                                            classifier_pooling="mean", **modernbert), "F32", LONG_LENGTHS),
        "nomic_bert_tiny_long": (classifier("nomic_bert", 64, 2, 2, 1000, num_labels=2, max_position_embeddings=4096),
                                 "F32", LONG_LENGTHS),
        "llama_tiny_long": (classifier("llama", 64, 2, 4, 1000, ffn=2, num_labels=3, num_key_value_heads=2,
                                       max_position_embeddings=4096, **no_padding), "F32", LONG_LENGTHS),
        "mistral_tiny_long": (classifier("mistral", 64, 2, 4, 1000, ffn=2, num_labels=2, num_key_value_heads=2,
                                         sliding_window=300, max_position_embeddings=4096, **no_padding), "F32",
                              LONG_LENGTHS),
    }


def versions():
    return {"python": sys.version.split()[0], "torch": torch.__version__, "transformers": transformers.__version__,
            "numpy": np.__version__, "attention": "eager", "threads": 1, "cpu": torch.backends.cpu.get_cpu_capability()}


def write(path, golden):
    """One line a tensor and a sequence, so that a diff says which changed."""
    def lines(items):
        return "[\n" + ",\n".join("  " + json.dumps(item, separators=(",", ":")) for item in items) + "\n ]"
    fields = []
    for key, value in golden.items():
        if key == "weights":
            head = {name: part for name, part in value.items() if name != "tensors"}
            text = json.dumps(head)[:-1] + ', "tensors": ' + lines(value["tensors"]) + "}"
        elif key == "sequences":
            text = lines(value)
        else:
            text = json.dumps(value)
        fields.append(f" {json.dumps(key)}: {text}")
    path.write_text("{\n" + ",\n".join(fields) + "\n}\n")
    print(f"{path}: {path.stat().st_size} bytes, f32 against f64 {golden['reference_noise']:.1e}")


def command(*options):
    return " ".join(["tools/make_model_goldens.py", *options])


def record_random(out, only):
    for index, (name, ((auto, config), weight_format, lengths)) in enumerate(cases().items()):
        if only and name not in only:
            continue
        torch.manual_seed(0)
        model = auto.from_config(config, attn_implementation="eager")
        seed = index + 1
        weights = randomize(model, seed, weight_format)
        sequences = make_sequences(seed, lengths, config.vocab_size, getattr(config, "type_vocab_size", 0))
        noise = record(model, sequences)
        write(out / f"{name}.json", {
            "name": name, "command": command("--only", name), "versions": versions(),
            "config": json.loads(config.to_json_string()), "reference_noise": float(f"{noise:.2e}"),
            "weights": weights, "sequences": sequences})


def read_sequences(directory, path):
    text = path.read_text()
    if path.suffix == ".json":
        return [{"input_ids": item} if isinstance(item, list) else item for item in json.loads(text)]
    tokenizer = AutoTokenizer.from_pretrained(directory)
    return [{"input_ids": tokenizer(line, truncation=True, max_length=512)["input_ids"]}
            for line in text.splitlines() if line.strip()]


def record_checkpoint(out, directory, texts, name):
    model = AutoModelForSequenceClassification.from_pretrained(directory, attn_implementation="eager",
                                                               dtype=torch.float32)
    config = json.loads((directory / "config.json").read_text())
    sequences = read_sequences(directory, texts)
    noise = record(model, sequences)
    write(out / f"{name}.json", {
        "name": name, "command": command("--checkpoint", "DIR", "--texts", texts.name, "--name", name),
        "versions": versions(), "config": config, "reference_noise": float(f"{noise:.2e}"), "sequences": sequences})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/parity/data/model"))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="record these cases alone")
    parser.add_argument("--checkpoint", type=pathlib.Path)
    parser.add_argument("--texts", type=pathlib.Path)
    parser.add_argument("--name", default="trained")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.checkpoint:
        record_checkpoint(arguments.out, arguments.checkpoint, arguments.texts, arguments.name)
    else:
        record_random(arguments.out, arguments.only)


if __name__ == "__main__":
    main()
