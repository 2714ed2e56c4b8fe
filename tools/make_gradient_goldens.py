#!/usr/bin/env python3
"""Records losses and gradients of transformers' sequence classifiers as goldens for tests/parity.

    python tools/make_gradient_goldens.py --out tests/parity/data/gradient

Each model has random weights by the recipe of tests/support/random_checkpoint.h and sees one ragged batch, padded and
masked, without dropout, on one thread, in f32 and in f64. A tensor's gradient is recorded as its norm and as its
products with eight vectors of random signs: the root mean square of eight differences of such products estimates the
norm of the difference.

Needs torch, transformers and numpy; their versions are written into the goldens.
"""

import argparse
import copy
import json
import pathlib

import numpy as np
import torch

from make_model_goldens import classifier, make_sequences, randomize, versions, words

PROJECTIONS = 8
LENGTHS = [7, 23, 1, 40, 12, 33]


def cases():
    roberta = {"max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
    modernbert = {"max_position_embeddings": 8192, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
                  "cls_token_id": 1, "sep_token_id": 2}
    deberta = {"relative_attention": True, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True,
               "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "max_position_embeddings": 512,
               "type_vocab_size": 0, "layer_norm_eps": 1e-7}
    decoder = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return {
        "bert_tiny": classifier("bert", 64, 2, 2, 200, num_labels=3),
        "bert_odd_heads": classifier("bert", 60, 2, 3, 200, num_labels=2, hidden_act="gelu_new"),
        "bert_multi_label": classifier("bert", 64, 2, 2, 200, num_labels=4,
                                       problem_type="multi_label_classification", hidden_act="silu"),
        "bert_regression": classifier("bert", 64, 2, 2, 200, num_labels=1, problem_type="regression",
                                      hidden_act="relu"),
        "distilbert_tiny": classifier("distilbert", 64, 2, 2, 200, num_labels=2),
        "minilm_l6": classifier("bert", 384, 6, 12, 300, num_labels=3),
        "distilbert_base": classifier("distilbert", 768, 6, 12, 300, num_labels=2),
        "bert_base": classifier("bert", 768, 12, 12, 300, num_labels=3),
        "roberta_tiny": classifier("roberta", 64, 2, 2, 200, num_labels=3, **roberta),
        "electra_tiny": classifier("electra", 64, 2, 2, 200, num_labels=2, embedding_size=32),
        "albert_tiny": classifier("albert", 64, 3, 2, 200, num_labels=2, embedding_size=32, hidden_act="gelu_new"),
        "modernbert_tiny": classifier("modernbert", 64, 4, 2, 200, ffn=2, num_labels=3, local_attention=16,
                                      classifier_pooling="mean", **modernbert),
        "modernbert_cls": classifier("modernbert", 64, 4, 2, 200, ffn=2, num_labels=2, local_attention=16,
                                     classifier_pooling="cls", norm_bias=True, **modernbert),
        "nomic_bert_tiny": classifier("nomic_bert", 64, 2, 2, 200, num_labels=2),
        "gpt2_tiny": classifier("gpt2", 64, 2, 2, 200, num_labels=2, n_positions=128, **decoder),
        "llama_tiny": classifier("llama", 64, 2, 4, 200, ffn=2, num_labels=3, num_key_value_heads=2,
                                 max_position_embeddings=128, **decoder),
        "qwen3_tiny": classifier("qwen3", 64, 2, 4, 200, ffn=2, num_labels=2, num_key_value_heads=2, head_dim=24,
                                 max_position_embeddings=128, **decoder),
        "mpnet_tiny": classifier("mpnet", 64, 2, 4, 200, num_labels=3, max_position_embeddings=514,
                                 relative_attention_num_buckets=32, layer_norm_eps=1e-5),
        "deberta_v3_tiny": classifier("deberta-v2", 64, 2, 2, 200, num_labels=3, **deberta),
        "deberta_v2_conv": classifier("deberta-v2", 64, 3, 2, 200, num_labels=3, conv_kernel_size=3, conv_act="gelu",
                                      **deberta),
    }


def without_padding(sequences, padding):
    """Ids that no model takes for padding or for its end."""
    for sequence in sequences:
        sequence["input_ids"] = [3 + token % 190 for token in sequence["input_ids"]]
    return sequences


def targets(config, count, seed):
    random = np.random.Generator(np.random.PCG64(seed + 1000))
    if config.problem_type == "multi_label_classification":
        return random.integers(0, 2, (count, config.num_labels)).astype(float).tolist()
    if config.problem_type == "regression":
        return np.round(random.normal(size=count), 3).tolist()
    return random.integers(0, config.num_labels, count).tolist()


def padded(sequences, padding):
    longest = max(len(sequence["input_ids"]) for sequence in sequences)

    def rows(key, fill):
        return torch.tensor([sequence.get(key, [0] * len(sequence["input_ids"])) +
                             [fill] * (longest - len(sequence["input_ids"])) for sequence in sequences])
    batch = {"input_ids": rows("input_ids", padding),
             "attention_mask": torch.tensor([[1] * len(s["input_ids"]) + [0] * (longest - len(s["input_ids"]))
                                             for s in sequences])}
    if any("token_type_ids" in sequence for sequence in sequences):
        batch["token_type_ids"] = rows("token_type_ids", 0)
    return batch


def gradients(model, batches, labels):
    """Of the mean loss over the batches, which have as many texts each."""
    model.zero_grad()
    losses = [model(**batch, labels=part).loss for batch, part in zip(batches, labels.split(len(labels) // len(batches)))]
    loss = sum(losses) / len(losses)
    loss.backward()
    values = {}
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:
            values[name] = parameter.grad.detach().double().numpy().reshape(-1)
    return float(loss.detach().double()), values


def summary(name, gradient):
    products = []
    for k in range(PROJECTIONS):
        signs = 1.0 - 2.0 * (words(f"{name}#{k}", 1, gradient.size) >> np.uint64(63)).astype(np.float64)
        products.append(float(np.dot(signs, gradient)))
    return {"name": name, "norm": float(np.linalg.norm(gradient)), "products": products}


def record(name, auto, config, seed):
    torch.manual_seed(0)
    for key in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout",
                "seq_classif_dropout", "classifier_dropout_prob", "embd_pdrop", "attn_pdrop", "resid_pdrop"):
        if hasattr(config, key):
            setattr(config, key, 0.0)
    model = auto.from_config(config, attn_implementation="eager")
    weights = randomize(model, seed, "F32")
    model.eval()
    padding = config.pad_token_id or 0
    sequences = without_padding(
        make_sequences(seed, LENGTHS, config.vocab_size, getattr(config, "type_vocab_size", 0)), padding)
    labels = targets(config, len(sequences), seed)
    # ModernBERT's local attention leaves padding nothing to look at, which is NaN in f64: its texts run alone.
    groups = [[sequence] for sequence in sequences] if config.model_type == "modernbert" else [sequences]
    batches = [padded(group, padding) for group in groups]
    f64_model = copy.deepcopy(model).double()
    loss, values = gradients(f64_model, batches, torch.tensor(labels, dtype=torch.long if isinstance(labels[0], int)
                                                            else torch.double))
    return {"name": name, "command": f"tools/make_gradient_goldens.py --only {name}", "versions": versions(),
            "config": json.loads(config.to_json_string()), "weights": weights, "sequences": sequences,
            "labels": labels, "loss": loss, "gradients": [summary(key, value) for key, value in values.items()]}


def write(path, golden):
    """One line a tensor, a text and a gradient, so that a diff says which changed."""
    lines = []
    for key, value in golden.items():
        if key == "weights":
            head = json.dumps({k: v for k, v in value.items() if k != "tensors"})[:-1]
            items = ",\n".join("  " + json.dumps(item) for item in value["tensors"])
            lines.append(f' "weights": {head}, "tensors": [\n{items}\n ]}}')
        elif key in ("sequences", "gradients", "rows", "final"):
            items = ",\n".join("  " + json.dumps(item) for item in value)
            lines.append(f' "{key}": [\n{items}\n ]')
        else:
            lines.append(f' "{key}": {json.dumps(value)}')
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/parity/data/gradient"))
    parser.add_argument("--only", nargs="+", metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for index, (name, (auto, config)) in enumerate(cases().items()):
        if arguments.only and name not in arguments.only:
            continue
        write(arguments.out / f"{name}.json", record(name, auto, config, index + 1))


if __name__ == "__main__":
    main()
