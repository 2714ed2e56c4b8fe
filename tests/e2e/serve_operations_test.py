"""valence serve beside what it depends on: a database that goes away, a chat that is told, records that get old."""
import json
import os
import tempfile
import threading
import time
import unittest
from pathlib import Path

import alert_receiver
import postgres_server
from serve_support import ADMIN_KEY, READ_KEY, Server, key_file, wait_for
from support import valence


class Database(unittest.TestCase):
    def test_a_database_that_is_down_costs_no_answer_and_no_record(self):
        if postgres_server.programs() is None:
            self.skipTest("no PostgreSQL server is installed (Debian: postgresql-15)")
        down_s = float(os.environ.get("VALENCE_DOWN_SECONDS", "3"))  # of the release: 60
        with postgres_server.PostgresServer() as database, Server("--history-db", database.address) as server:
            statuses, stop = [], threading.Event()

            def classify(worker):
                number = 0
                while not stop.is_set():
                    texts = [{"text": f"I love {worker} {number} {i}", "id": f"{worker}-{number}-{i}"} for i in range(8)]
                    statuses.append(server.classify(*texts)[0])
                    number += 1

            workers = [threading.Thread(target=classify, args=(worker,)) for worker in range(2)]
            for worker in workers:
                worker.start()
            wait_for(lambda: len(statuses) > 20)
            # The first records are on their way for a second; they bring the tables.
            wait_for(lambda: database.query("SELECT to_regclass('valence.record') IS NOT NULL") == "t")
            database.stop()
            before = len(statuses)
            time.sleep(down_s)
            while_down = len(statuses) - before
            database.start()
            after = len(statuses)
            wait_for(lambda: len(statuses) > after + 20)
            stop.set()
            for worker in workers:
                worker.join()
            self.assertEqual(set(statuses), {200})
            self.assertGreater(while_down, down_s)
            expected = 8 * len(statuses)
            wait_for(lambda: database.query("SELECT count(*) FROM valence.record") == str(expected), 120)
            self.assertEqual(database.query("SELECT count(DISTINCT id) FROM valence.record"), str(expected))
            print(f"{len(statuses)} requests, {while_down} of them in {down_s:.0f} s without a database: "
                  f"{expected} records, none lost, none twice")


class Retention(unittest.TestCase):
    def test_old_records_go_when_it_starts(self):
        with tempfile.TemporaryDirectory() as home:
            database = Path(home, "history.db")
            source = Path(home, "in.csv")
            now = int(time.time())
            source.write_text("text,time\n" + "".join(f"I love it {days},{now - 86_400 * days}\n" for days in range(20)))
            kept = valence("classify", source, "--history", "--history-db", database, env={**os.environ, "HOME": home})
            self.assertEqual(kept.returncode, 0, kept.stderr)
            with Server("--history-db", database, "--history-max-age-days", "7", home=home) as server:
                count = lambda: len(server.json("GET", "/v1/history?limit=100")[1]["items"])
                wait_for(lambda: count() == 7)  # of 0 to 6 days: the one of 7 days is some milliseconds older
                self.assertEqual(server.classify("I love it now")[0], 200)
                wait_for(lambda: count() == 8)


class Slack(unittest.TestCase):
    CONFIG = """
[alerts]
rules = ["negative > 10% of last 100 -> slack"]
group_wait = "1s"
group_interval = "1s"
state_file = "{folder}/alerts.journal"
[alerts.receivers.slack]
url = "{url}"
{more}
"""

    def config(self, folder, url, more):
        path = Path(folder, "config.toml")
        path.write_text(self.CONFIG.format(folder=folder, url=url, more=more))
        return path

    def send(self, server, text, count):
        for _ in range(count // 20):
            self.assertEqual(server.classify(*[text] * 20, stream="shop")[0], 200)

    def test_a_spike_is_told_and_its_end_too(self):
        with tempfile.TemporaryDirectory() as folder, alert_receiver.Receiver() as chat:
            config = self.config(folder, chat.url, "allow_private = true")
            with Server("--config", config) as server:
                self.send(server, "I love it", 100)
                self.send(server, "I hate it", 20)
                wait_for(lambda: len(chat.got) == 1)
                path, headers, body = chat.got[0]
                message = json.loads(body)
                self.assertEqual(path, "/services/T0/B0/canary-7f3a")
                self.assertRegex(message["text"], r"^High negative feedback: \d+/100 in last batch")
                self.assertEqual([block["type"] for block in message["blocks"]], ["header", "section", "context"])
                self.assertIn("shop", body.decode())
                self.assertNotIn("I hate it", body.decode())  # examples are off
                self.send(server, "I love it", 120)
                wait_for(lambda: len(chat.got) == 2)
                self.assertIn("resolved", chat.got[1][2].decode().lower())
                self.assertEqual([state["phase"] for state in server.json("GET", "/v1/alerts")[1]["alerts"]
                                  if state["phase"] == "firing"], [])
                self.assertNotIn("canary", "\n".join(server.lines))

    def test_loopback_is_not_reached_unless_the_configuration_says_so(self):
        with tempfile.TemporaryDirectory() as folder, alert_receiver.Receiver() as chat:
            config = self.config(folder, "https://localhost:" + chat.url.split(":")[2], "")
            with Server("--config", config) as server:
                self.send(server, "I hate it", 100)
                wait_for(lambda: [line for line in server.lines if "where no request may go" in line])
                self.assertEqual(chat.got, [])
                self.assertNotIn("canary", "\n".join(server.lines))
            refused = valence("serve", "--port", "0", "--config", self.config(folder, chat.url, ""),
                              env={**os.environ, "HOME": folder})
            self.assertEqual(refused.returncode, 2)


class Keys(unittest.TestCase):
    def test_a_reading_key_changes_nothing(self):
        with tempfile.TemporaryDirectory() as folder, Server("--api-key-file", key_file(folder)) as server:
            read, admin = ({"Authorization": f"Bearer {key}"} for key in (READ_KEY, ADMIN_KEY))
            for method, path, body in (("DELETE", "/v1/history?stream=x", None),
                                       ("POST", "/v1/silences", {"duration_s": 5}),
                                       ("DELETE", "/v1/silences/none", None),
                                       ("POST", "/v1/models/default/reload", {})):
                self.assertEqual(server.json(method, path, body, headers=read)[0], 403, path)
                self.assertEqual(server.json(method, path, body, headers={})[0], 401, path)
                self.assertNotIn(server.json(method, path, body, headers=admin)[0], (401, 403), path)


if __name__ == "__main__":
    unittest.main()
