"""What the tests of `valence eval` and `models calibrate` share: tiny models of given labels, their answers, data."""
import csv
import json
import math
import random
import struct

from support import VOCABULARY, InTemporaryFolder, lines, safetensors, tensors_of, valence, write_tiny_model

WORDS = [word for word in VOCABULARY if word.isalpha()]


def random_texts(count, seed=1):
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=generator.randint(1, 12))) for _ in range(count)]


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def softmax(logits, temperature=1.0):
    weights = [math.exp((logit - max(logits)) / temperature) for logit in logits]
    return [weight / sum(weights) for weight in weights]


class Evaluating(InTemporaryFolder):
    def model_of(self, name, labels, **changes):
        """A tiny model with these labels, its weights random by a seed of its own."""
        folder = write_tiny_model(self.folder / name)
        config = json.loads((folder / "config.json").read_text())
        config.update(changes, id2label={str(i): label for i, label in enumerate(labels)},
                      label2id={label: i for i, label in enumerate(labels)})
        tensors = tensors_of(config, random.Random(name))
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "model.safetensors").write_bytes(safetensors(tensors))
        return folder

    def answers(self, model, texts, *args):
        """Per text the scores by label, as classify gives them."""
        path = self.file("texts.txt", "\n".join(texts) + "\n")
        rows = lines(valence("classify", "-m", model, path, "-f", "jsonl", "--top-k", "all", *args))
        return [{score["label"]: score["score"] for score in row["scores"]} for row in rows]

    def data(self, rows, name="dev.csv", header=("text", "label")):
        path = self.folder / name
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    def evaluated(self, *args, code=0):
        result = valence("eval", *args, "--json")
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return json.loads(result.stdout)
