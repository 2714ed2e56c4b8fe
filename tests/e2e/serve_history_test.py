"""What `valence serve` remembers, shows as it happens, and says aloud: history, events, alerts."""
import json
import re
import socket
import tempfile
import time
import unittest
from pathlib import Path

from alert_receiver import Receiver
from serve_support import ADMIN_KEY, READ_KEY, OneHistory, Server, key_file, wait_for

PATIENCE_S = 30


class History(OneHistory):
    def remember(self, *texts, stream):
        status, reply = self.server.classify(*texts, stream=stream)
        self.assertEqual(status, 200)
        return wait_for(lambda: self.items(f"stream={stream}", len(texts)))

    def items(self, query, count):
        status, page = self.server.json("GET", f"/v1/history?{query}")
        self.assertEqual(status, 200, page)
        return page["items"] if len(page["items"]) == count else None

    def test_answers_are_found_again_with_what_made_them(self):
        items = self.remember({"text": "I love it", "id": "found-1", "metadata": {"shop": 7}}, stream="found")
        item = items[0]
        self.assertEqual((item["id"], item["text"], item["label"], item["stream"], item["metadata"], item["model"]),
                         ("found-1", "I love it", "positive", "found", {"shop": 7}, "default"))
        self.assertRegex(item["model_version"] + item["config_version"], r"^[0-9a-f]{24}$")
        self.assertEqual(len(item["scores"]), 3)

    def test_filters_search_and_pages(self):
        self.remember(*({"text": f"I love number {i}", "id": f"page-{i}"} for i in range(5)), stream="pages")
        seen, cursor = [], ""
        while True:
            _, page = self.server.json("GET", f"/v1/history?stream=pages&limit=2&cursor={cursor}")
            seen += [item["id"] for item in page["items"]]
            cursor = page.get("next")
            if not cursor:
                break
        self.assertEqual(sorted(seen), [f"page-{i}" for i in range(5)])
        self.assertEqual(len(self.items("stream=pages&q=number+3", 1)), 1)
        self.assertEqual(self.items("stream=pages&label=negative", 0), [])
        for query in ("stram=pages", "from=yesterday", "limit=0", "limit=5000", "cursor=@@@", "corrected=maybe", "limit=2&limit=3",
                      "min_score=2", "min_score=nan", "stream=%ff"):
            self.assertEqual(self.server.json("GET", f"/v1/history?{query}")[0], 400, query)

    def test_trend_counts_by_time(self):
        self.remember("I love it", "I love it", "I hate it", stream="trend")
        status, trend = self.server.json("GET", "/v1/trend?bucket=month&stream=trend")
        series, = trend["series"]
        counts = {label: sum(column) for label, column in zip(trend["labels"], series["counts"])}
        self.assertEqual((status, trend["bucket"], counts), (200, "month", {"negative": 1, "positive": 2}))
        self.assertEqual(set(series), {"times_ms", "counts", "score_sums"})
        # The first of a month, 00:00 UTC.
        self.assertEqual(time.strftime("%d %H:%M:%S", time.gmtime(series["times_ms"][0] / 1000)), "01 00:00:00")
        _, page = self.server.json("GET", "/v1/history?stream=trend")
        for label, sums in zip(trend["labels"], series["score_sums"]):
            self.assertAlmostEqual(sum(sums), sum(item["score"] for item in page["items"] if item["label"] == label), places=5)
        self.assertEqual(self.server.json("GET", "/v1/trend?bucket=fortnight")[0], 400)
        self.assertEqual(self.server.json("GET", "/v1/trend?by=label")[0], 400)
        # 2024 has 366 days: 527,040 minutes.
        self.assertEqual(self.server.json("GET", "/v1/trend?bucket=minute&from=2024&to=2025-01-01")[0], 400)
        self.assertEqual(self.server.json("GET", "/v1/trend?bucket=minute&from=2024-01-01&to=2025-01-01")[0], 422)

    def test_corrections_are_stored_and_shown(self):
        self.remember({"text": "I love it", "id": "wrong-1"}, stream="feedback")
        status, stored = self.server.json("POST", "/v1/feedback", {"id": "wrong-1", "label": "neutral", "note": "irony"})
        self.assertEqual(status, 201)
        self.assertEqual({name: stored[name] for name in ("record_id", "label", "predicted")},
                         {"record_id": "wrong-1", "label": "neutral", "predicted": "positive"})
        self.assertRegex(stored["id"], "^[0-9A-Z]{26}$")
        self.assertLess(abs(stored["time_ms"] / 1000 - time.time()), 60)
        self.assertEqual(self.items("stream=feedback&corrected=true", 1)[0]["correction"], "neutral")
        _, page = self.server.json("GET", "/v1/feedback?record_id=wrong-1")
        self.assertEqual((page["items"][0]["label"], page["items"][0]["text"]), ("neutral", "I love it"))
        for body, expected in (({"id": "nobody", "label": "neutral"}, 404), ({"label": "neutral"}, 422),
                               ({"id": "wrong-1", "label": "nutral"}, 422), ({"id": "wrong-1"}, 422)):
            self.assertEqual(self.server.json("POST", "/v1/feedback", body)[0], expected, body)

    def test_erasing_needs_a_filter_and_erases(self):
        self.remember("I love it", "I hate it", stream="erase")
        self.assertEqual(self.server.json("DELETE", "/v1/history")[0], 400)
        _, counted = self.server.json("DELETE", "/v1/history?stream=erase&dry_run=true")
        self.assertEqual(counted["records"], 2)
        _, erased = self.server.json("DELETE", "/v1/history?stream=erase&label=negative")
        self.assertEqual(erased["records"], 1)
        self.assertEqual(self.items("stream=erase", 1)[0]["label"], "positive")


class Policies(unittest.TestCase):
    def test_hash_keeps_no_text_on_any_disk(self):
        with tempfile.TemporaryDirectory() as home:
            with Server(home=home) as server:
                server.classify("xylophone canary love", stream="hash")
                item = wait_for(lambda: server.json("GET", "/v1/history?stream=hash")[1]["items"])[0]
                self.assertNotIn("text", item)
                self.assertEqual(len(item["text_sha256"]), 64)
            for path in Path(home).rglob("*"):
                if path.is_file():
                    self.assertNotIn(b"xylophone", path.read_bytes(), path)

    def test_records_survive_a_restart(self):
        with tempfile.TemporaryDirectory() as home:
            with Server(home=home) as server:
                for i in range(20):
                    server.classify({"text": "I love it", "id": f"r{i}"}, stream="again")
            with Server(home=home) as server:
                items = wait_for(lambda: server.json("GET", "/v1/history?stream=again")[1]["items"])
                self.assertEqual(sorted(item["id"] for item in items), sorted(f"r{i}" for i in range(20)))

    def test_no_history_says_so(self):
        with Server("--no-history") as server:
            for path in ("/v1/history", "/v1/trend", "/v1/feedback", "/v1/streams", "/v1/words?label=x", "/v1/feedback/queue"):
                status, reply = server.json("GET", path)
                self.assertEqual((status, reply["error_type"]), (409, "Conflict"))
                self.assertIn("--no-history", reply["hint"])

    def test_a_reading_key_neither_deletes_nor_silences(self):
        with tempfile.TemporaryDirectory() as folder, Server("--api-key-file", key_file(folder)) as server:
            read, admin = {"Authorization": f"Bearer {READ_KEY}"}, {"Authorization": f"Bearer {ADMIN_KEY}"}
            self.assertEqual(server.json("DELETE", "/v1/history?stream=x", headers=read)[0], 403)
            self.assertEqual(server.json("DELETE", "/v1/history?stream=x", headers=admin)[0], 200)
            self.assertEqual(server.json("POST", "/v1/silences", {"duration_s": 5}, read)[0], 403)
            self.assertEqual(server.json("GET", "/v1/history", headers=read)[0], 200)


class Events(unittest.TestCase):
    def follow(self, server, last=None):
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
        extra = f"Last-Event-ID: {last}\r\n" if last is not None else ""
        connection.sendall(f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n{extra}\r\n".encode())
        return connection

    def read_until(self, connection, needle):
        received = b""
        while needle not in received:
            piece = connection.recv(65536)
            self.assertTrue(piece, received)
            received += piece
        return received

    def test_records_are_sent_as_they_happen_and_again_to_who_comes_back(self):
        with Server("--store-text", "full") as server:
            with self.follow(server) as connection:
                self.assertIn(b"text/event-stream", self.read_until(connection, b"retry:"))
                server.classify({"text": "I love it", "id": "live-1"}, stream="live")
                received = self.read_until(connection, b"live-1")
                self.assertIn(b"event: record", received)
                self.assertIn(b'"label":"positive"', received)
                server.classify({"text": "I hate it", "id": "live-2"}, stream="live")
                self.read_until(connection, b"live-2")
            last = re.search(rb"id: (\S+)\nevent: record\ndata: [^\n]*live-1", received)[1].decode()
            self.assertRegex(last, "^[^-]+-1$")  # opaque to clients: a run of the server, and a place in it
            with self.follow(server, last) as connection:
                received = self.read_until(connection, b"live-2")
                self.assertNotIn(b"live-1", received)
                self.assertNotIn(b"event: gap", received)
            with self.follow(server, "another-run-7") as connection:
                self.assertIn(b'event: gap\ndata: {"missed":null}\n', self.read_until(connection, b"event: stats"))
            wait_for(lambda: server.metric("valence_event_subscribers") == 0)

    def test_figures_come_at_once_and_only_the_records_of_the_stream_that_was_asked_for(self):
        with Server() as server:
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
            with connection:
                connection.sendall(b"GET /v1/events?stream=shop HTTP/1.1\r\nHost: localhost\r\n\r\n")
                received = self.read_until(connection, b"event: stats\n")
                server.classify("I love it", {"text": "unheard", "id": "elsewhere"}, stream="other")
                server.classify({"text": "I hate it", "id": "here"}, stream="shop", channel="ios")
                received += self.read_until(connection, b'"id":"here"')
                received += self.read_until(connection, b'"total":3,')
                self.assertNotIn(b"elsewhere", received)
                self.assertNotIn(b"I hate it", received)  # --store-text hash
                record = json.loads(re.search(rb"event: record\ndata: (.*)\n", received)[1])
                self.assertEqual(set(record), {"id", "time", "time_ms", "stream", "channel", "text_sha256", "label", "score", "scores", "model",
                                               "model_version", "config_version", "tokens", "truncated"})
                self.assertEqual((record["stream"], record["channel"], record["label"]), ("shop", "ios", "negative"))
                stats = json.loads(re.findall(rb"event: stats\ndata: (.*)\n", received)[-1])
                self.assertEqual(set(stats), {"time_ms", "texts", "latency_ms", "queue", "history", "skipped"})
                self.assertEqual((stats["texts"]["total"], stats["history"], stats["skipped"]), (3, "ok", 0))
            self.assertEqual(server.json("GET", "/v1/events?strem=shop")[0], 400)

    def test_more_than_fifty_a_second_are_counted_rather_than_sent(self):
        with Server() as server:
            with self.follow(server) as connection:
                received = self.read_until(connection, b"event: stats\n")
                server.classify(*["I love it"] * 200, stream="burst")
                received += self.read_until(connection, b'"total":200,')
                sent = len(re.findall(rb"event: record\n", received))
                skipped = sum(int(each) for each in re.findall(rb'"skipped":(\d+)', received))
                self.assertEqual((sent + skipped, sent >= 50, sent < 200), (200, True, True), (sent, skipped))

    def test_streams_end_when_the_server_does(self):
        with Server("--drain-delay-ms", "100") as server:
            with self.follow(server) as connection:
                self.read_until(connection, b"retry:")
                begin = time.monotonic()
                server.process.terminate()
                self.read_until(connection, b"0\r\n\r\n")
                self.assertEqual(server.process.wait(30), 0)
                self.assertLess(time.monotonic() - begin, 15)


class Alerts(unittest.TestCase):
    def test_a_rule_fires_is_silenced_and_is_told(self):
        with tempfile.TemporaryDirectory() as folder, Receiver() as hook:
            with Server("--config", hook.config(folder)) as server:
                for _ in range(20):
                    self.assertEqual(server.classify("I hate it", stream="shop")[0], 200)
                states = wait_for(lambda: [state for state in server.json("GET", "/v1/alerts")[1]["alerts"]
                                           if state["phase"] == "firing"])
                self.assertEqual((states[0]["stream"], states[0]["count"], states[0]["hits"]), ("shop", 20, 20))
                self.assertLess(abs(states[0]["since_ms"] / 1000 - time.time()), 60)
                self.assertEqual(server.json("GET", "/v1/alerts")[1]["enabled"], True)
                self.assertEqual(server.json("GET", "/v1/alerts?phase=firing")[0], 400)
                told = wait_for(lambda: hook.got)
                self.assertIn("alerts", json.loads(told[0][2]))
                status, silence = server.json("POST", "/v1/silences", {"rule": states[0]["rule"], "duration_s": 600})
                self.assertEqual(status, 201, silence)
                self.assertEqual(server.json("GET", "/v1/silences")[1]["silences"], [silence])
                self.assertEqual(silence["until_ms"] - silence["from_ms"], 600_000)
                wait_for(lambda: server.json("GET", "/v1/alerts")[1]["alerts"][0]["phase"] == "silenced")
                begin = silence["until_ms"]
                for body in ({"until_ms": begin, "from_ms": begin}, {"until_ms": 1}, {}, {"until_ms": begin, "duration_s": 5},
                             {"until_ms": begin, "author": "a" * 201}, {"until_ms": "tomorrow"}):
                    self.assertEqual(server.json("POST", "/v1/silences", body)[0], 422, body)
                self.assertEqual(server.json("POST", "/v1/silences", {"rule": "nobody", "duration_s": 5})[0] // 100, 4)
                self.assertEqual(server.json("DELETE", f"/v1/silences/{silence['id']}")[0], 204)
                self.assertEqual(server.json("DELETE", f"/v1/silences/{silence['id']}")[0], 404)
                wait_for(lambda: server.metric("valence_alerts_total") >= 1)


if __name__ == "__main__":
    unittest.main()
