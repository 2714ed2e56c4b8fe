"""What the history of `valence serve` adds up to: status, streams, words, the labelling queue. Figures are counted by hand."""
import contextlib
import math
import sqlite3
import tempfile
import time
import unittest

from serve_support import ADMIN_KEY, READ_KEY, Server, key_file, wait_for

# Texts that leave the built-in model no doubt.
GOOD, BAD = "I love it", "I hate it"


def ask_ok(server, path):
    status, reply = server.json("GET", path)
    assert status == 200, reply
    return reply


class Insights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.server = Server("--store-text", "full", home=cls.home.name).__enter__()
        for stream, channel, good, bad in (("shop", "ios", 3, 1), ("shop", "", 1, 0), ("mail", "chat", 0, 2)):
            cls.server.classify(*[GOOD] * good, *[BAD] * bad, stream=stream, channel=channel)
        # "battery" and "hate" are in all of the 24 negative texts and in none of the 48 others.
        cls.server.classify(*["I hate the battery"] * 24, *["I love the screen"] * 48, stream="words")
        wait_for(lambda: len(ask_ok(cls.server, "/v1/history?limit=100")["items"]) == 7 + 72)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        cls.home.cleanup()

    def test_streams_and_channels_with_more_texts_come_first(self):
        reply = ask_ok(self.server, "/v1/streams")
        self.assertEqual(reply["labels"], ["negative", "positive"])
        self.assertEqual(reply["streams"], [
            {"stream": "words", "counts": [24, 48], "channels": [{"channel": "", "counts": [24, 48]}]},
            {"stream": "shop", "counts": [1, 4], "channels": [{"channel": "ios", "counts": [1, 3]}, {"channel": "", "counts": [0, 1]}]},
            {"stream": "mail", "counts": [2, 0], "channels": [{"channel": "chat", "counts": [2, 0]}]}])
        now = int(time.time() * 1000)
        self.assertEqual(ask_ok(self.server, f"/v1/streams?from={now - 3_600_000}")["streams"], reply["streams"])
        self.assertEqual(ask_ok(self.server, f"/v1/streams?to={now - 2 * 86_400_000}"), {"labels": [], "streams": []})
        self.assertEqual(self.server.json("GET", "/v1/streams?bucket=day")[0], 400)

    def test_a_series_for_each_stream_and_channel(self):
        series = ask_ok(self.server, "/v1/trend?bucket=month&by=stream,channel")["series"]
        self.assertEqual([(each["stream"], each["channel"], [sum(row) for row in each["counts"]]) for each in series],
                         [("mail", "chat", [2, 0]), ("shop", "", [0, 1]), ("shop", "ios", [1, 3]), ("words", "", [24, 48])])
        self.assertEqual(ask_ok(self.server, "/v1/trend?stream=nobody"), {"bucket": "day", "labels": [], "series": []})

    def test_words_that_tell_a_label_from_the_others(self):
        reply = ask_ok(self.server, "/v1/words?label=negative&stream=words")
        self.assertEqual((reply["label"], reply["text_policy"], reply["records"], reply["other_records"], reply["complete"]),
                         ("negative", "full", 24, 48, True))
        # Equation 22 over the number of texts that have a word: each text has four words, so 96 against 192; the prior is a hundredth
        # of both, 2.88, shared out by how common a word is, 24 of 288. What both have alike is not above chance.
        prior = 2.88 * 24 / 288
        odds = math.log((24 + prior) / (96 + 2.88 - 24 - prior)) - math.log(prior / (192 + 2.88 - prior))
        z = round(odds / math.sqrt(1 / (24 + prior) + 1 / prior), 4)
        self.assertEqual([(word["word"], word["records"], word["other_records"]) for word in reply["words"]],
                         [("battery", 24, 0), ("hate", 24, 0)])
        for word in reply["words"]:
            self.assertAlmostEqual(word["z"], z, places=3)
        self.assertGreater(z, 1.96)
        self.assertEqual(len(ask_ok(self.server, "/v1/words?label=negative&stream=words&limit=1")["words"]), 1)
        for query in ("", "label=negative&limit=201", "label=negative&bucket=day"):
            self.assertEqual(self.server.json("GET", f"/v1/words?{query}")[0], 400, query)

    def test_the_queue_asks_for_each_text_once_and_not_for_what_was_corrected(self):
        reply = ask_ok(self.server, "/v1/feedback/queue?stream=shop")
        self.assertEqual((reply["text_policy"], reply["considered"]), ("full", 5))
        self.assertEqual(sorted(item["record"]["text"] for item in reply["items"]), [BAD, GOOD])
        for item in reply["items"]:
            self.assertEqual(item["reason"], "uncertain")  # two places, two texts
            self.assertTrue(0 <= item["uncertainty"] <= 1)
        hated, = (item["record"] for item in reply["items"] if item["record"]["text"] == BAD)
        self.assertEqual(self.server.json("POST", "/v1/feedback", {"id": hated["id"], "label": "neutral", "source": "page"})[0], 201)
        again = ask_ok(self.server, "/v1/feedback/queue?stream=shop")
        self.assertEqual(([item["record"]["text"] for item in again["items"]], again["considered"]), ([GOOD], 4))
        self.assertEqual(len(ask_ok(self.server, "/v1/feedback/queue?limit=3")["items"]), 3)
        self.assertEqual(self.server.json("GET", "/v1/feedback/queue?limit=201")[0], 400)


class Other(unittest.TestCase):
    def test_status_has_what_the_document_says(self):
        with Server("--store-text", "full") as server:
            self.check_status(server)

    def check_status(self, server):
        self.assertIsNone(ask_ok(server, "/v1/status")["latency_ms"])
        server.classify(*[GOOD] * 3)
        server.classify(BAD)
        wait_for(lambda: ask_ok(server, "/v1/status")["texts"]["total"] == 4)
        # 4 texts within the last 10 whole seconds.
        status = wait_for(lambda: next((each for each in [ask_ok(server, "/v1/status")] if each["texts"]["per_second"] > 0), None))
        self.assertEqual(status["texts"], {"total": 4, "per_second": 0.4})
        self.assertEqual((status["ready"], status["draining"], status["text_policy"], status["alerts"], status["access"]),
                         (True, False, "full", {"enabled": False}, {"keys": False, "level": "admin"}))
        model, = status["models"]
        self.assertEqual((model["name"], model["labels"], model["negative_labels"]),
                         ("default", ["negative", "neutral", "positive"], ["negative"]))
        self.assertRegex(model["version"] + model["config_version"], "^[0-9a-f]{24}$")
        self.assertTrue(status["started_ms"] <= model["loaded_ms"] + 1000 and model["loaded_ms"] <= status["time_ms"])
        self.assertEqual((status["history"]["state"], status["history"]["backend"]), ("ok", "sqlite"))
        self.assertGreaterEqual(status["history"]["records"], 0)
        latency = status["latency_ms"]
        self.assertTrue(0 < latency["p50"] <= latency["p90"] <= latency["p99"], latency)
        self.assertEqual((latency["window_s"], latency["requests"]), (300, 2))
        self.assertEqual(server.json("GET", "/v1/status?verbose=1")[0], 400)

    def test_status_tells_a_key_what_it_may_do_and_a_server_without_history_that_it_is_off(self):
        with tempfile.TemporaryDirectory() as folder, Server("--no-history", "--api-key-file", key_file(folder)) as server:
            for key, level in ((READ_KEY, "read"), (ADMIN_KEY, "admin")):
                status, reply = server.json("GET", "/v1/status", headers={"Authorization": f"Bearer {key}"})
                self.assertEqual((status, reply["access"], reply["history"]), (200, {"keys": True, "level": level}, {"state": "off"}))
            self.assertEqual(server.json("GET", "/v1/status")[0], 401)

    def test_texts_that_are_not_kept_leave_words_and_queue_empty(self):
        with Server() as server:
            server.classify(GOOD, BAD)
            wait_for(lambda: len(ask_ok(server, "/v1/history")["items"]) == 2)
            words, queue = ask_ok(server, "/v1/words?label=negative"), ask_ok(server, "/v1/feedback/queue")
            self.assertEqual((words["text_policy"], words["words"], words["records"]), ("hash", [], 0))
            self.assertEqual((queue["text_policy"], queue["items"], queue["considered"]), ("hash", [], 2))

    def test_a_database_that_is_locked_delays_the_history_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as home, Server("--history-db", f"{home}/h.db") as server:
            server.classify(GOOD)
            wait_for(lambda: len(ask_ok(server, "/v1/history")["items"]) == 1)
            with contextlib.closing(sqlite3.connect(f"{home}/h.db")) as database:
                database.execute("BEGIN IMMEDIATE")
                self.assertEqual(server.classify(BAD)[0], 200)
                status = wait_for(lambda: next((each for each in [ask_ok(server, "/v1/status")["history"]] if each["state"] == "delayed"), None))
                self.assertTrue(status["message"])
                self.assertGreater(status["spool"]["bytes"], 0)
                database.rollback()
            wait_for(lambda: ask_ok(server, "/v1/status")["history"]["state"] == "ok")
            wait_for(lambda: len(ask_ok(server, "/v1/history")["items"]) == 2)


if __name__ == "__main__":
    unittest.main()
