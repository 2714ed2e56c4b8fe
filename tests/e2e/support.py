"""What the end-to-end tests share: running the program, and a tiny model directory made from nothing."""
import importlib.util
import json
import math
import os
import random
import shutil
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

BINARY = os.environ.get("VALENCE_BINARY", "build/valence")


def valence(*args, stdin=None, timeout=120, **kwargs):
    """Runs the program; stdout and stderr are bytes so that nothing is repaired on the way."""
    if stdin is not None:
        kwargs["input"] = stdin
    else:
        kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([BINARY, *map(str, args)], capture_output=True, timeout=timeout, check=False, **kwargs)


def has(*packages):
    """Whether all are installed."""
    return all(importlib.util.find_spec(package) for package in packages)


def lines(result):
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "the", "a", "not", "##ly", "!", "."] + [
    letter for letter in "bcdefghijklmnopqrstuvwxyz"]

TINY_CONFIG = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": len(VOCABULARY),
               "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
               "max_position_embeddings": 64, "type_vocab_size": 2, "hidden_act": "gelu", "layer_norm_eps": 1e-12,
               "id2label": {"0": "negative", "1": "positive"}, "label2id": {"negative": 0, "positive": 1}}


def shapes_of(config):
    """Name -> shape of every tensor of a BERT classifier."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "bert.embeddings.word_embeddings.weight": [config["vocab_size"], hidden],
        "bert.embeddings.position_embeddings.weight": [config["max_position_embeddings"], hidden],
        "bert.embeddings.token_type_embeddings.weight": [config["type_vocab_size"], hidden],
        "bert.embeddings.LayerNorm.weight": [hidden], "bert.embeddings.LayerNorm.bias": [hidden],
        "bert.pooler.dense.weight": [hidden, hidden], "bert.pooler.dense.bias": [hidden],
        "classifier.weight": [len(config["id2label"]), hidden], "classifier.bias": [len(config["id2label"])],
    }
    for index in range(config["num_hidden_layers"]):
        layer = f"bert.encoder.layer.{index}."
        for name, out, into in (("attention.self.query", hidden, hidden), ("attention.self.key", hidden, hidden),
                                ("attention.self.value", hidden, hidden),
                                ("attention.output.dense", hidden, hidden),
                                ("intermediate.dense", inner, hidden), ("output.dense", hidden, inner)):
            shapes[layer + name + ".weight"] = [out, into]
            shapes[layer + name + ".bias"] = [out]
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[layer + name + ".weight"] = [hidden]
            shapes[layer + name + ".bias"] = [hidden]
    return shapes


def tensors_of(config, generator):
    """Name -> shape and values of a BERT classifier with random weights."""
    tensors = {}
    for name, shape in shapes_of(config).items():
        count = math.prod(shape)
        centre = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        tensors[name] = (shape, [centre + generator.gauss(0, 0.3) for _ in range(count)])
    return tensors


def safetensors(tensors):
    header, body = {}, b""
    for name, (shape, values) in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def write_tiny_model(folder, seed=7, **changes):
    """A Hugging Face directory that valence loads: 2 layers of 16, labels negative and positive."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = tensors_of(TINY_CONFIG, random.Random(seed))
    write_description(folder, {**TINY_CONFIG, **changes})
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
    return folder


def write_description(folder, config):
    """All of a model directory but its weights."""
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))


class InTemporaryFolder(unittest.TestCase):
    """Each test works in a folder of its own and has a tiny model at self.model."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="valence-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.model = write_tiny_model(self.folder / "tiny")

    def file(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def classify(self, *args, **kwargs):
        return valence("classify", "-m", self.model, *args, **kwargs)

    def assert_refused(self, result, code, *needles):
        message = result.stderr.decode()
        self.assertEqual(result.returncode, code, message)
        self.assertTrue(message.startswith("error: "), message)
        for needle in needles:
            self.assertIn(needle, message)
