"""What waits for a disk or a model at `valence serve` holds up nobody else."""
import concurrent.futures
import fcntl
import signal
import tempfile
import time
import unittest
from pathlib import Path

from serve_support import Server
from slow_model import BERT_BASE_CUT, write_slow_model

# Far above what /health takes on a busy machine, far below what it used to wait.
SOON_S = 2


class Waiting(unittest.TestCase):
    def assert_health_is_prompt(self, server):
        begin = time.monotonic()
        self.assertEqual(server.request("GET", "/health")[0], 200)
        self.assertLess(time.monotonic() - begin, SOON_S)

    def test_a_silence_that_waits_for_the_journal(self):
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(8) as pool:
            config = Path(folder) / "valence.toml"
            config.write_text(f"""[alerts]
rules = ["negative > 10% of last 20 -> hook"]
state_file = "{folder}/alerts.journal"
[alerts.receivers.hook]
kind = "webhook"
url = "http://127.0.0.1:9/"
allow_private = true
""")
            with Server("--config", config) as server:
                self.assertEqual(server.json("POST", "/v1/silences", {"duration_s": 60})[0], 201)
                with open(Path(folder) / "alerts.journal.lock", "w") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    silences = [pool.submit(server.json, "POST", "/v1/silences", {"duration_s": 60}) for _ in range(6)]
                    for _ in range(8):
                        self.assert_health_is_prompt(server)
                        self.assertEqual(server.json("GET", "/v1/history")[0], 200)
                    fcntl.flock(lock, fcntl.LOCK_UN)
                self.assertEqual({silence.result()[0] for silence in silences}, {201})
                self.assertEqual(len(server.json("GET", "/v1/silences")[1]["silences"]), 7)

    def test_reloads(self):
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(64) as pool:
            write_slow_model(Path(folder) / "slow", BERT_BASE_CUT)
            with Server("-m", f"slow={folder}/slow", "-m", "small=default", "--no-history") as server:
                reloads = [pool.submit(server.request, "POST", "/v1/models/slow/reload") for _ in range(64)]
                for _ in range(8):
                    self.assert_health_is_prompt(server)
                answers = [reload.result() for reload in reloads]
                self.assertLessEqual({status for status, _, _ in answers}, {200, 429})
                self.assertTrue(all("retry-after" in headers for status, headers, _ in answers if status == 429))
                # Those who ask before a reload has begun share it.
                self.assertLess(server.metric("valence_model_loads_total"), 20)
                for _ in range(20):
                    server.process.send_signal(signal.SIGHUP)
                self.assertEqual(server.request("POST", "/v1/models/small/reload")[0], 200)


if __name__ == "__main__":
    unittest.main()
