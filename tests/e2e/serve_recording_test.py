"""What comes into the history of `valence serve`, and what has gone from it: answers alone, and nothing that was erased."""
import json
import sqlite3
import tempfile
import unittest
from pathlib import Path

from serve_support import OneHistory, Server

HISTORY = "data/valence/history.db"


class Recording(OneHistory):
    def count(self):
        return len(self.server.json("GET", "/v1/history?limit=1000")[1]["items"])

    def test_what_a_dialect_answers_with_an_error_is_not_recorded(self):
        long = "awful " * 2000
        refused = (("/predict", {"inputs": [["awful"], ["terrible"], ["\u200b"]]}),
                   ("/predict", {"inputs": long, "truncate": False}),
                   ("/classify", {"input": ["awful", long]}),
                   ("/classify", {"input": ["awful", "\u200b"]}),
                   ("/", {"inputs": ["awful", "\u200b"]}),
                   ("/v2/models/default/infer", {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [2],
                                                             "data": ["awful", "\u200b"]}]}))
        before = self.count()
        for path, body in refused:
            self.assertEqual(self.server.json("POST", path, body)[0], 400 if path != "/predict" or "truncate" not in body else 422, path)
        self.assertEqual(self.count(), before)
        for path, body in (("/predict", {"inputs": long}), ("/classify", {"input": [long], "truncate_prompt_tokens": -1})):
            self.assertEqual(self.server.json("POST", path, body)[0], 200)
        # In the native dialect each text has its answer or its error.
        self.assertEqual(self.server.classify("awful", "\u200b")[0], 200)
        self.assertEqual(self.count(), before + 3)

    def test_both_halves_of_a_pair_have_the_limit_of_a_text(self):
        long = "x" * 1_000_001
        for path, body in (("/predict", {"inputs": [["a", long]]}), ("/predict", {"inputs": ["a", long]}),
                           ("/", {"inputs": {"text": "a", "text_pair": long}}),
                           ("/v1/classify", {"texts": [{"text": "a", "text_pair": long}]}),
                           ("/v2/models/default/infer", {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1, 2],
                                                                     "data": ["a", long]}]})):
            self.assertEqual(self.server.json("POST", path, body)[0], 413, path)

    def test_large_numbers_of_kserve(self):
        tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["I love it"]}
        status, _ = self.server.json("POST", "/v2/models/default/infer",
                                     {"inputs": [tensor], "parameters": {"timeout": 9223372036854775807}})
        self.assertEqual(status, 200)
        for shape in ([4611686018427387905, 2], [9223372036854775807, 2], [9223372036854775807], [2]):
            body = {"inputs": [{**tensor, "shape": shape, "data": ["a", "b"] if len(shape) == 2 else ["a"]}]}
            self.assertEqual(self.server.json("POST", "/v2/models/default/infer", body)[0], 400, shape)

    def test_a_page_of_long_texts_ends_early_and_says_where_it_goes_on(self):
        texts = [f"I love number {i} " + "x" * 900_000 for i in range(8)]
        for text in texts:
            self.assertEqual(self.server.classify(text, stream="long")[0], 200)
        seen, cursor, pages = [], "", 0
        while True:
            status, _, body = self.server.request("GET", f"/v1/history?stream=long&limit=1000&cursor={cursor}")
            self.assertEqual(status, 200)
            self.assertLess(len(body), 6_000_000)
            page = json.loads(body)
            seen += [item["text"] for item in page["items"]]
            pages += 1
            cursor = page.get("next")
            if not cursor:
                break
        self.assertEqual((sorted(seen), pages), (texts, 2))
        self.assertEqual(self.server.json("DELETE", "/v1/history?stream=long")[1]["records"], 8)


class Erasing(unittest.TestCase):
    def test_what_is_still_on_its_way_goes_too(self):
        with tempfile.TemporaryDirectory() as home, Server("--store-text", "full", home=home) as server:
            for _ in range(5):
                server.classify("xylophone canary love", subject="bob")
                status, erased = server.json("DELETE", "/v1/history?subject=bob")
                self.assertEqual((status, erased["records"]), (200, 1))
                self.assertEqual(server.json("GET", "/v1/history")[1]["items"], [])
                for path in Path(home).rglob("*"):
                    if path.is_file():
                        self.assertNotIn(b"xylophone", path.read_bytes(), path)

    def test_while_the_database_takes_nothing_nothing_is_erased_and_that_is_said(self):
        with tempfile.TemporaryDirectory() as home, Server("--store-text", "full", home=home) as server:
            server.classify("I love it", subject="bob")
            self.assertEqual(len(server.json("GET", "/v1/history?subject=bob")[1]["items"]), 1)
            lock = sqlite3.connect(Path(home) / HISTORY, isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            server.classify("I hate it", subject="bob")
            status, headers, reply = server.request("DELETE", "/v1/history?subject=bob", timeout=60)
            self.assertEqual((status, json.loads(reply)["error_type"]), (503, "Unhealthy"), reply)
            self.assertIn("retry-after", headers)
            lock.execute("ROLLBACK")
            lock.close()
            status, erased = server.json("DELETE", "/v1/history?subject=bob")
            self.assertEqual((status, erased["records"]), (200, 2), erased)


if __name__ == "__main__":
    unittest.main()
