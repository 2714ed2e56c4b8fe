"""`valence serve` while what it depends on fails: receivers, disks, databases. It goes on classifying."""
import json
import sqlite3
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from alert_receiver import Receiver, gigabyte, hang, status
from serve_support import Server, wait_for
from support import valence

HISTORY = "data/valence/history.db"
MOST_ANSWER_S = 5.0  # of a classification; a busy machine included


def in_own_mounts(script):
    """A prefix that runs a shell `script` in a mount namespace of its own before the program; None where that is not allowed."""
    allowed = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()], capture_output=True,
                             check=False) if Path("/usr/bin/unshare").exists() else None
    return ["unshare", "-rm", "sh", "-ec", script + '; exec "$@"', "sh"] if allowed and allowed.returncode == 0 else None


class Faults(unittest.TestCase):
    def classify(self, server, text="I hate it", **members):
        begin = time.monotonic()
        code, reply = server.classify(text, **members)
        self.assertEqual((code, reply["results"][0]["label"]), (200, "negative" if text == "I hate it" else "positive"))
        self.assertLess(time.monotonic() - begin, MOST_ANSWER_S)


class Receivers(Faults):
    def alerting(self, folder, receiver):
        return Server("--config", receiver.config(folder))

    def test_a_receiver_that_hangs_refuses_or_talks_forever_holds_nothing_up(self):
        for name, answer in (("hangs", hang), ("429", status(429, Retry_After="600")), ("404", status(404)),
                             ("gigabyte", gigabyte), ("500", status(500))):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder, Receiver() as receiver:
                receiver.answers(answer)
                with self.alerting(folder, receiver) as server:
                    for _ in range(30):
                        self.classify(server, stream="shop")
                    wait_for(lambda: receiver.got)
                    for _ in range(30):
                        self.classify(server, stream="shop")
                    resident = [line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
                                if line.startswith("VmRSS")]
                    self.assertLess(int(resident[0].split()[1]), 400_000)  # kB
                    _, alerts = server.json("GET", "/v1/alerts")
                    self.assertIn("firing", json.dumps(alerts))
                    receiver.server.released.set()


class Disks(Faults):
    def test_a_full_disk_is_told_and_room_is_used_again(self):
        with tempfile.TemporaryDirectory() as home:
            small, filler = Path(home) / "small", Path(home) / "small/filler"
            small.mkdir()
            prefix = in_own_mounts(f"mount -t tmpfs -o size=3m tmpfs {small}")
            if prefix is None:
                self.skipTest("a file system of its own needs unshare and the right to mount")
            with Server("--history-db", small / "history.db", "--spool-dir", small / "spool", "--store-text", "full", home=home,
                        prefix=prefix) as server:
                inside = Path(f"/proc/{server.process.pid}/root{small}")
                self.classify(server, "I love it", stream="before")
                wait_for(lambda: server.json("GET", "/v1/history?stream=before")[1]["items"])
                with open(inside / filler.name, "wb", buffering=0) as file:
                    with self.assertRaises(OSError):
                        while True:
                            file.write(b"x" * 65536)
                for i in range(20):
                    self.classify(server, stream="full")
                self.assertEqual(server.request("GET", "/health")[0], 200)
                (inside / filler.name).unlink()
                # What was answered meanwhile comes through as soon as there is room.
                wait_for(lambda: len(server.json("GET", "/v1/history?stream=full&limit=100")[1].get("items", [])) == 20)

    def test_a_full_spool_is_counted_and_texts_are_answered(self):
        """Nobody takes records from it: the database is locked."""
        with tempfile.TemporaryDirectory() as home, Server(home=home) as server:
            self.classify(server, stream="locked")
            wait_for(lambda: (Path(home) / HISTORY).exists())
            lock = sqlite3.connect(Path(home) / HISTORY, isolation_level=None)
            lock.execute("BEGIN IMMEDIATE")
            for _ in range(20):
                self.classify(server, stream="locked")
            lock.execute("ROLLBACK")
            lock.close()
            wait_for(lambda: len(server.json("GET", "/v1/history?stream=locked&limit=100")[1]["items"]) == 21)
            self.assertEqual(server.metric("valence_sink_errors_total"), 0)

    def test_what_was_answered_is_found_at_once(self):
        with Server("--store-text", "full") as server:
            for i in range(10):
                server.classify({"text": "I hate it", "id": f"now-{i}"})
                self.assertEqual(server.json("POST", "/v1/feedback", {"id": f"now-{i}", "label": "neutral"})[0], 201)
                _, page = server.json("GET", "/v1/history?corrected=true&limit=100")
                self.assertEqual(len(page["items"]), i + 1)
            server.classify({"text": "I hate it", "id": "gone"}, stream="gone")
            self.assertEqual(server.json("DELETE", "/v1/history?stream=gone")[1]["records"], 1)


class Databases(Faults):
    """A history that cannot be kept is told when the server starts; without it, it serves."""

    def assert_refused(self, arguments, *needles, prefix=()):
        if prefix is None:
            self.skipTest("a read-only file system needs unshare and the right to mount")
        with self.assertRaises(AssertionError) as ended, Server(*arguments, prefix=prefix):
            pass
        for needle in needles:
            self.assertIn(needle, str(ended.exception))
        with Server("--no-history") as server:
            self.classify(server)

    def kept(self, folder):
        path = Path(folder) / "history.db"
        with Server("--history-db", path) as server:
            self.classify(server)
        self.assertEqual(len(valence("history", "query", "--history-db", path).stdout.splitlines()), 1)
        return path

    def test_a_read_only_database_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.kept(folder)
            prefix = in_own_mounts(f"mount --bind {folder} {folder}; mount -o remount,bind,ro {folder}")
            self.assert_refused(["--history-db", path], "history.db", "cannot be", prefix=prefix)
            # Reading is no writing.
            self.assertEqual(len(valence("history", "query", "--history-db", path).stdout.splitlines()), 1)

    def test_a_newer_schema_is_left_as_it_is(self):
        with tempfile.TemporaryDirectory() as folder:
            path = self.kept(folder)
            database = sqlite3.connect(path)
            database.execute("PRAGMA user_version = 99")
            database.close()
            before = path.read_bytes()
            self.assert_refused(["--history-db", path], "newer valence", "99")
            self.assertEqual(path.read_bytes(), before)

    def test_what_is_no_database_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "history.db"
            path.write_text("this is a text file, and quite a long one, so that it has something like a header\n" * 100)
            self.assert_refused(["--history-db", path], "history.db")


if __name__ == "__main__":
    unittest.main()
