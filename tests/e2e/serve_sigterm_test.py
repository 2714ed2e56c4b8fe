"""SIGTERM under load: what `valence serve` has accepted it answers and remembers. VALENCE_SIGTERMS=20 does it as often."""
import http.client
import json
import os
import random
import signal
import tempfile
import threading
import time
import unittest
from pathlib import Path

from serve_support import Server, ask
from support import valence

TIMES = int(os.environ.get("VALENCE_SIGTERMS", "3"))
CLIENTS = 16
DRAIN_DELAY_MS = 300
# What a client meets whose connection the server had not accepted when it stopped listening.
UNACCEPTED = (ConnectionResetError, BrokenPipeError, http.client.RemoteDisconnected)


class Client:
    """Sends requests one after the other, each text with an id of its own, until nobody listens any more."""

    def __init__(self, server, number):
        self.server = server
        self.number = number
        self.answered = set()  # ids
        self.statuses = []
        self.failed = []  # (ids, error)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        texts = 32 if self.number % 2 else 1
        sent = 0
        while True:
            connection = self.server.connect()
            try:
                while True:
                    sent += 1
                    ids = [f"c{self.number}-{sent}-{i}" for i in range(texts)]
                    status, headers, body = ask(connection, "POST", "/v1/classify",
                                                {"texts": [{"text": "I love it", "id": each} for each in ids]})
                    self.statuses.append(status)
                    if status == 200:
                        self.answered.update(result["id"] for result in json.loads(body)["results"] if "label" in result)
                    if headers.get("connection") == "close":
                        break
            except ConnectionRefusedError:
                return
            except (http.client.HTTPException, OSError) as error:
                self.failed.append((ids, error))
            finally:
                connection.close()


class Sigterm(unittest.TestCase):
    def terminate_under_load(self, home, after_s):
        with Server("--drain-delay-ms", DRAIN_DELAY_MS, home=home) as server:
            clients = [Client(server, number) for number in range(CLIENTS)]
            time.sleep(after_s)
            begin = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            code = server.process.wait(30)
            took = time.monotonic() - begin
            for client in clients:
                client.thread.join()
        self.assertEqual(code, 0)
        self.assertLess(took, 25)
        return clients

    def remembered(self, home):
        exported = valence("history", "export", "--history-db", Path(home) / "data/valence/history.db", "-f", "jsonl")
        self.assertEqual(exported.returncode, 0, exported.stderr)
        return [json.loads(line)["id"] for line in exported.stdout.splitlines()]

    def test_no_accepted_request_is_lost(self):
        generator = random.Random(20)
        answers = unaccepted = 0
        for _ in range(TIMES):
            with tempfile.TemporaryDirectory() as home:
                clients = self.terminate_under_load(home, 0.3 + generator.random())
                remembered = self.remembered(home)
            answered = set().union(*(client.answered for client in clients))
            self.assertGreater(len(answered), 100)
            self.assertLessEqual({status for client in clients for status in client.statuses}, {200, 429, 503})
            # Whatever was computed was answered, and whatever was answered is remembered, once.
            self.assertEqual(len(remembered), len(set(remembered)))
            self.assertEqual(set(remembered), answered)
            failed = [error for client in clients for _, error in client.failed]
            self.assertTrue(all(isinstance(error, UNACCEPTED) for error in failed), failed)
            answers += sum(len(client.statuses) for client in clients)
            unaccepted += len(failed)
        print(f"\n{TIMES} SIGTERMs: {answers} requests answered, 0 accepted ones lost, {unaccepted} met a closed port", flush=True)


if __name__ == "__main__":
    unittest.main()
