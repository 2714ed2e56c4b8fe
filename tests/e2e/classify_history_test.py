"""valence classify --history: what is kept, once; the report over it held against SQL on the file; alerts check on it."""
import csv
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
import unittest

from support import BINARY, InTemporaryFolder, lines, valence


class ClassifyHistory(InTemporaryFolder):
    def setUp(self):
        super().setUp()
        self.database = self.folder / "history.db"
        self.environment = {**os.environ, "HOME": str(self.folder), "VALENCE_HISTORY_DB": str(self.database),
                            "XDG_CONFIG_HOME": str(self.folder / "config")}

    def run_here(self, *args, code=0, **kwargs):
        result = valence(*args, env=self.environment, **kwargs)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return result

    def keep(self, *args, **kwargs):
        return self.run_here("classify", "--history", *args, **kwargs)

    def sql(self, query, *values):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def csv_of(self, *args):
        return list(csv.DictReader(io.StringIO(self.run_here(*args).stdout.decode())))


class Records(ClassifyHistory):
    def test_records_say_what_was_answered(self):
        answers = lines(self.keep("-t", "I love it", "-t", "I hate it", "--store-text", "full"))
        rows = self.sql("SELECT text, label, stream, model, length(id), length(model_version) FROM record ORDER BY seq")
        self.assertEqual([(text, label) for text, label, *_ in rows],
                         [("I love it", answers[0]["label"]), ("I hate it", answers[1]["label"])])
        self.assertEqual(rows[0][2:], ("default", "default", 26, 12))

    def test_columns_tell_stream_channel_subject_and_time(self):
        path = self.file("in.csv", "text,stream,channel,subject,time\n"
                                   "I love it,reviews,ios,anna,2026-01-31T12:00:00Z\nI hate it,,web,,someday\n")
        before = time.time() * 1000
        self.keep(path, "-o", self.folder / "out.csv")
        rows = self.sql("SELECT stream, channel, subject, time_ms, text, length(text_sha256) FROM record ORDER BY seq")
        self.assertEqual(rows[0], ("reviews", "ios", "anna", 1769860800000, "", 64))  # hash is the default
        self.assertEqual(rows[1][:3], ("default", "web", ""))
        self.assertGreaterEqual(rows[1][3], before - 1000)
        self.keep(path, "-o", self.folder / "out.csv", "--stream", "mine", "--store-text", "none")
        self.assertEqual(self.sql("SELECT count(*) FROM record WHERE stream = 'mine' AND text_sha256 = ''"), [(0,)])

    def test_a_file_is_kept_once_and_literals_each_time(self):
        path = self.file("in.txt", "".join(f"I love number {i}\n" for i in range(3000)))
        for output_format in ("jsonl", "csv"):
            self.keep(path, "-f", output_format)
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT id) FROM record"), [(3000, 3000)])
        self.keep(path, "--threshold", "0.99")  # other answers are other records
        self.assertEqual(self.sql("SELECT count(*) FROM record"), [(6000,)])
        self.keep("-t", "again")
        self.keep("-t", "again")
        self.keep("-", stdin=b"again\n")
        self.assertEqual(self.sql("SELECT count(*) FROM record"), [(6003,)])

    def test_killed_and_resumed_all_are_there_once(self):
        count = 8_000
        path = self.file("in.txt", "".join(f"I love number {i} and its neighbours\n" for i in range(count)))
        output = self.folder / "out.jsonl"
        child = subprocess.Popen([BINARY, "classify", "--history", str(path), "-o", str(output), "-q"],
                                 env=self.environment, stdin=subprocess.DEVNULL)
        while child.poll() is None and (not self.database.exists() or not self.rows()):
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
        child.wait()
        self.keep(path, "-o", output, "--resume")
        self.assertEqual(self.sql("SELECT count(*), count(DISTINCT id) FROM record"), [(count, count)])
        self.assertEqual(len(output.read_text().splitlines()), count)

    def rows(self):
        try:
            return self.sql("SELECT count(*) FROM record")[0][0]
        except sqlite3.OperationalError:
            return 0

    def test_bad_rows_are_not_kept_and_uncertain_ones_are(self):
        path = self.file("in.jsonl", '{"text": "I love it"}\n{"text": 5}\n')
        self.keep(path, "--threshold", "1", code=1)
        self.assertEqual(self.sql("SELECT label FROM record"), [("uncertain",)])

    def test_a_history_that_cannot_be_kept_is_an_error_at_once(self):
        self.database.write_text("no database at all, but longer than the header of one would be " * 20)
        result = self.keep("-t", "I love it", code=3)
        self.assertIn(b"history.db", result.stderr)
        self.assertEqual(result.stdout, b"")


class Report(ClassifyHistory):
    def test_figures_equal_sql(self):
        generator = random.Random(12)
        words = {"negative": "I hate it, it is awful", "positive": "I love it, it is wonderful", "neutral": "the box is a box"}
        rows = "".join(f"{generator.choice(list(words.values()))} {i},{1704067200 + i * 21_000},{stream}\n"
                       for i in range(3000) for stream in [generator.choice(["reviews", "tickets"])])
        rows = "text,time,stream\n" + rows.replace("it, it", "it and it")
        self.keep(self.file("in.csv", rows), "-o", self.folder / "out.csv")
        report = self.folder / "report.csv"
        for stream in (None, "reviews"):
            self.run_here("history", "report", "--csv", report, *(["--stream", stream] if stream else []))
            # By the text of the time, not by arithmetic on it as the program does.
            expected = {month: (texts, hits) for month, texts, hits in self.sql(
                "SELECT strftime('%Y-%m', time_ms / 1000, 'unixepoch'), count(*), sum(label = 'negative') FROM record "
                "WHERE ?1 IS NULL OR stream = ?1 GROUP BY 1", stream)}
            self.assertGreaterEqual(len(expected), 23)
            found = {}
            with open(report, newline="") as file:
                for row in csv.DictReader(file):
                    found[row["from"]] = (int(row["texts"]), int(row["negative texts"]))
            self.assertEqual(found, expected)


class Alerts(ClassifyHistory):
    def test_rules_are_judged_over_the_history(self):
        texts = ["I love it"] * 89 + ["I hate it"] * 11 + ["I love it"] * 100
        rows = "".join(f"{text},{1_700_000_000 + 60 * i}\n" for i, text in enumerate(texts))
        self.keep(self.file("in.csv", "text,time\n" + rows), "-o", self.folder / "out.csv")
        rule = ("--rule", "negative > 10% of last 100")
        found = json.loads(self.run_here("alerts", "check", "--history", *rule, "--json").stdout)
        self.assertEqual([(f["at_text"], f["hits"], f["fired"]) for f in found["firings"]],
                         [(100, 11, "2023-11-14T23:52:20Z")])
        later = json.loads(self.run_here("alerts", "check", "--from", "2023-11-15", *rule, "--json").stdout)
        self.assertEqual(later["texts"], 200 - 107)  # the first text is of 22:13:20, so 107 are before midnight
        self.assert_refused(self.run_here("alerts", "check", "--history", "in.csv", *rule, code=2), 2, "one run")
        self.assert_refused(self.run_here("alerts", "check", "--from", "2030-01", *rule, code=3), 3, "no records")


if __name__ == "__main__":
    unittest.main()
