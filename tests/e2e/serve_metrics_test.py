"""What /metrics of `valence serve` says, against what its clients have counted."""
import unittest

from serve_support import Server, ask


class Counters(unittest.TestCase):
    def test_counters_are_the_clients_own_count(self):
        with Server() as server:
            connection = server.connect()
            texts = 0
            for i in range(300):
                count = i % 3 + 1
                self.assertEqual(ask(connection, "POST", "/v1/classify", {"texts": ["I love it"] * count})[0], 200)
                texts += count
            for _ in range(50):
                self.assertEqual(ask(connection, "POST", "/predict", {"inputs": "I hate it"})[0], 200)
                self.assertEqual(ask(connection, "POST", "/predict", {"inputs": 5})[0], 422)
            connection.close()
            _, _, text = server.request("GET", "/metrics")
            lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#"))
            self.assertEqual(lines['valence_requests_total{code="200",route="/v1/classify"}'], "300")
            self.assertEqual(lines['valence_requests_total{code="200",route="/predict"}'], "50")
            self.assertEqual(lines['valence_requests_total{code="422",route="/predict"}'], "50")
            positive = 'valence_texts_total{label="positive",model="default",task="text-classification"}'
            negative = positive.replace("positive", "negative")
            self.assertEqual((lines[positive], lines[negative]), (str(texts), "50"))
            self.assertEqual(server.metric("valence_request_duration_seconds_count") > 350, True)

    def test_both_expositions_are_well_formed(self):
        with Server() as server:
            server.classify("I love it")
            for accept, kind in (("*/*", "text/plain; version=0.0.4"), ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0")):
                _, headers, text = server.request("GET", "/metrics", headers={"Accept": accept})
                self.assertTrue(headers["content-type"].startswith(kind))
                families = [line.split()[2] for line in text.decode().splitlines() if line.startswith("# TYPE")]
                self.assertEqual(len(families), len(set(families)))
                self.assertEqual(text.decode().endswith("# EOF\n"), "openmetrics" in kind)


if __name__ == "__main__":
    unittest.main()
