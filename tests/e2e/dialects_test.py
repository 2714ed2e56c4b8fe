"""The dialects of `valence serve` against request and reply pairs that were written by hand: data/dialects/README.md."""
import json
import math
import tempfile
import time
import unittest
from pathlib import Path

from serve_support import Server, key_file
from support import valence

DATA = Path(__file__).parent / "data/dialects"
LABELS = ["negative", "neutral", "positive"]  # of the built-in model, by id
TOLERANCE = 1e-6
# Scores are those of the logits divided by it; who asks for logits gets the model's own.
TEMPERATURE = json.loads((Path(__file__).parents[2] / "models/default/calibration.json").read_text())["temperature"]


class Scores:
    """What `valence classify` says of a text: the reference of every dialect."""

    def __init__(self):
        self.known = {}

    def ranked(self, text):
        if text not in self.known:
            result = valence("classify", "-t", text, "--top-k", "all", "-f", "json", "--threads", "1")
            self.known[text] = json.loads(result.stdout)[0]
        return self.known[text]

    def by_id(self, text):
        scores = {entry["label"]: entry["score"] for entry in self.ranked(text)}
        return [scores[label] for label in LABELS]


SCORES = Scores()


def expand(value):
    """{"$repeat": ["ab", 3]} -> "ababab", {"$list": [x, 3]} -> [x, x, x]."""
    if isinstance(value, dict):
        if "$repeat" in value:
            return value["$repeat"][0] * value["$repeat"][1]
        if "$list" in value:
            return [value["$list"][0]] * value["$list"][1]
        return {key: expand(member) for key, member in value.items()}
    if isinstance(value, list):
        return [expand(member) for member in value]
    return value


class Dialects(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.open = Server().__enter__()
        cls.keyed = Server("--api-key-file", key_file(cls.folder.name)).__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.open.__exit__()
        cls.keyed.__exit__()
        cls.folder.cleanup()

    def run_pairs(self, dialect):
        pairs = json.loads((DATA / f"{dialect}.json").read_text())
        self.assertGreaterEqual(len(pairs), 25)
        for pair in pairs:
            with self.subTest(dialect=dialect, pair=pair["name"]):
                self.run_pair(pair)

    def run_pair(self, pair):
        method, path, body = pair["send"]
        body = expand(body)
        if isinstance(body, dict) and "raw" in body:
            body = body["raw"]
        server = self.keyed if pair.get("keys") else self.open
        status, headers, text = server.request(method, path, body, pair.get("headers"))
        self.assertEqual(status, pair["status"], text)
        for name, expected in pair.get("reply_headers", {}).items():
            value = headers.get(name.lower())
            self.assertIsNotNone(value, name)
            self.assert_matches(int(value) if expected == "$integer" else value, expected, name)
        if pair["body"] == "":
            self.assertEqual(text, b"")
        else:
            self.assertEqual(headers["content-type"], "application/json")
            self.assert_matches(json.loads(text), pair["body"], "body")

    def assert_matches(self, value, expected, where):
        if isinstance(expected, dict):
            self.assertIsInstance(value, dict, where)
            self.assertEqual(sorted(value), sorted(expected), where)
            for key in expected:
                self.assert_matches(value[key], expected[key], f"{where}.{key}")
        elif isinstance(expected, list):
            self.assertIsInstance(value, list, where)
            self.assertEqual(len(value), len(expected), where)
            for index, (member, wanted) in enumerate(zip(value, expected)):
                self.assert_matches(member, wanted, f"{where}[{index}]")
        elif isinstance(expected, str) and expected.startswith("$"):
            self.assert_placeholder(value, *expected[1:].split(":"), where=where)
        else:
            self.assertEqual(value, expected, where)

    def assert_placeholder(self, value, kind, *arguments, where):
        if kind == "any":
            self.assertIsInstance(value, str, where)
        elif kind == "message":
            self.assertIsInstance(value, str, where)
            self.assertTrue(value, where)
        elif kind == "contains":
            self.assertIn(arguments[0], value, where)
        elif kind == "integer":
            self.assertIsInstance(value, int, where)
            self.assertGreaterEqual(value, 0, where)
        elif kind == "number":
            self.assertIsInstance(value, (int, float), where)
        elif kind == "list":
            self.assertIsInstance(value, list, where)
        elif kind == "hex12":
            self.assertRegex(value, r"^[0-9a-f]{12}$", where)
        elif kind == "unix":
            self.assertLess(abs(value - time.time()), 86400, where)
        elif kind == "id":
            self.assertTrue(value.startswith(arguments[0]) and len(value) > len(arguments[0]), where)
        elif kind == "ranked":
            expected = SCORES.ranked(arguments[0])
            expected = expected[:int(arguments[1])] if len(arguments) > 1 else expected
            self.assertEqual([entry["label"] for entry in value], [entry["label"] for entry in expected], where)
            self.assert_close([entry["score"] for entry in value], [entry["score"] for entry in expected], where)
            self.assertTrue(all(sorted(entry) == ["label", "score"] for entry in value), where)
        elif kind == "probs":
            self.assert_close(value, sum((SCORES.by_id(text) for text in arguments), []), where)
        elif kind in ("logits", "sigmoid"):
            scores = [entry["score"] for entry in value]
            self.assertEqual(scores, sorted(scores, reverse=True), where)
            logits = scores if kind == "logits" else [math.log(score / (1 - score)) for score in scores]
            ranked = SCORES.ranked(arguments[0])
            self.assertEqual([entry["label"] for entry in value], [entry["label"] for entry in ranked], where)
            self.assert_close(softmax(logits, TEMPERATURE), [entry["score"] for entry in ranked], where,
                              TOLERANCE if kind == "logits" else 1e-4)  # the logarithm magnifies a sigmoid near 1
        elif kind == "logit_list":
            logits = [softmax(value[i:i + len(LABELS)], TEMPERATURE) for i in range(0, len(value), len(LABELS))]
            self.assert_close(sum(logits, []), sum((SCORES.by_id(text) for text in arguments), []), where)
        elif kind == "classes":
            count, texts = int(arguments[0]), arguments[1:]
            expected = [entry for text in texts for entry in SCORES.ranked(text)[:count]]
            self.assertEqual(len(value), len(expected), where)
            for one, entry in zip(value, expected):
                score, index, label = one.split(":")
                self.assertEqual((LABELS[int(index)], label), (entry["label"], entry["label"]), where)
                self.assert_close([float(score)], [entry["score"]], where)
        else:
            self.fail(f"{where}: no placeholder ${kind}")

    def assert_close(self, values, expected, where, tolerance=TOLERANCE):
        self.assertEqual(len(values), len(expected), where)
        for value, wanted in zip(values, expected):
            self.assertLessEqual(abs(value - wanted), tolerance, where)

    def test_hugging_face(self):
        self.run_pairs("hugging_face")

    def test_tei(self):
        self.run_pairs("tei")

    def test_vllm(self):
        self.run_pairs("vllm")

    def test_kserve(self):
        self.run_pairs("kserve")

    def test_native(self):
        self.run_pairs("native")


def softmax(logits, temperature):
    top = max(logits)
    weights = [math.exp((logit - top) / temperature) for logit in logits]
    return [weight / sum(weights) for weight in weights]


if __name__ == "__main__":
    unittest.main()
