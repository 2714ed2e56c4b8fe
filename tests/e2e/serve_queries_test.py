"""What stands behind '?' is read whole or refused: a filter, a name or an option that is not understood is never left out."""
import json
import unittest

from serve_support import OneHistory

NDJSON = {"Content-Type": "application/x-ndjson"}


class Queries(OneHistory):
    def history(self, query):
        status, page = self.server.json("GET", f"/v1/history?{query}")
        self.assertEqual(status, 200, page)
        return page["items"]

    def bulk(self, query, *lines):
        return self.server.request("POST", f"/v1/classify?{query}", "\n".join(lines or ['"I love it"']), NDJSON)

    def test_an_erasure_whose_filter_is_not_understood_erases_nothing(self):
        self.assertEqual(self.server.classify({"text": "I love it", "id": "kept"}, stream="kept", subject="anna")[0], 200)
        self.assertEqual(self.server.json("POST", "/v1/feedback", {"id": "kept", "label": "neutral"})[0], 201)
        for query in ("stream=kept&subject=Jos%E9", "stream=kept&subject=%ZZ", "stream=kept&subject=%4", "stream=kept&sub%E9=x",
                      "stream=other&stream=kept", "stream=kept&dry_run=1", "stream=kept&dry_run=True", "stream=kept&dry_run=",
                      "stream=kept&keep_corrections=yes", "stream=kept&keepcorrections=true", "all=1", "all"):
            self.assertEqual(self.server.json("DELETE", f"/v1/history?{query}")[0], 400, query)
        self.assertEqual([item["correction"] for item in self.history("stream=kept")], ["neutral"])
        _, counted = self.server.json("DELETE", "/v1/history?stream=kept&dry_run=true")
        self.assertEqual((counted["records"], counted["dry_run"]), (1, True))
        self.assertEqual(len(self.history("stream=kept")), 1)
        _, erased = self.server.json("DELETE", "/v1/history?stream=kept&dry_run=false&keep_corrections=true")
        self.assertEqual((erased["records"], erased["corrections"]), (1, 0))

    def test_options_of_bulk_requests(self):
        for query in ("treshold=0.99", "threshold=2", "threshold=%ZZ", "top_k=0", "top_k=some", "top_k=1&top_k=2", "model=%ZZ",
                      "timeout_ms=0", "timeout_ms=soon", "stream=%E9", "stream=a&stream=b"):
            status, _, reply = self.bulk(query)
            self.assertEqual((status, json.loads(reply)["error_type"]), (400, "BadRequest"), query)
        self.assertEqual(json.loads(self.bulk("threshold=1")[2])["label"], "uncertain")
        self.assertEqual(json.loads(self.bulk("timeout_ms=60000")[2])["label"], "positive")

    def test_parameters_of_webhooks(self):
        for query in ("stream=%E9", "stream=%", "stream=a&stream=b", "stram=a", "channel=%ff", "model=%ZZ"):
            self.assertEqual(self.server.json("POST", f"/v1/ingest?{query}", {"text": "I love it"})[0], 400, query)
        self.assertEqual(self.server.json("POST", "/v1/ingest?stream=hook%20a&channel=b+c", {"text": "I love it"})[0], 202)
        self.assertEqual([item["channel"] for item in self.history("stream=hook+a")], ["b c"])

    def test_streams_of_webhooks_may_number_their_texts_alike(self):
        for stream in ("tickets", "reviews"):
            status, reply = self.server.json("POST", f"/v1/ingest?stream={stream}", {"text": "I love it", "id": 5})
            self.assertEqual((status, reply["id"]), (202, f"{stream}/5"))
        for stream in ("tickets", "reviews"):
            self.assertEqual([item["id"] for item in self.history(f"stream={stream}")], [f"{stream}/5"])

    def test_a_name_is_at_most_200_bytes_long_wherever_it_comes_from(self):
        longest, longer = "\u00e9" * 100, "\u00e9" * 100 + "x"
        escaped = "%C3%A9" * 100
        for name in ("stream", "channel", "subject"):
            self.assertEqual(self.server.classify("I love it", **{name: longest})[0], 200)
            self.assertEqual(self.server.classify("I love it", **{name: longer})[0], 422)
            self.assertEqual(self.bulk(f"{name}={escaped}")[0], 200)
            self.assertEqual(self.bulk(f"{name}={escaped}x")[0], 400)
        for name in ("stream", "channel"):
            self.assertEqual(self.server.json("POST", f"/v1/ingest?{name}={escaped}", {"text": "I love it"})[0], 202)
            self.assertEqual(self.server.json("POST", f"/v1/ingest?{name}={escaped}x", {"text": "I love it"})[0], 400)
        self.assertEqual(self.server.json("POST", "/v1/ingest", {"text": "I love it", "id": longer})[0], 422)


if __name__ == "__main__":
    unittest.main()
