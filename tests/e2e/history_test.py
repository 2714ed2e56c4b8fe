"""`valence history` and `valence feedback`: what they print, write, refuse and delete."""
import csv
import io
import json
import os
import unittest

from support import InTemporaryFolder, lines, valence


class History(InTemporaryFolder):
    def run_here(self, *args, place="history.db"):
        environment = {**os.environ, "HOME": str(self.folder), "VALENCE_HISTORY_DB": str(self.folder / place)}
        return valence(*args, env=environment)

    def ok(self, *args, **kwargs):
        result = self.run_here(*args, **kwargs)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result

    def test_corrections_go_in_and_come_out_as_training_data(self):
        self.ok("feedback", "add", "-t", "just great, it broke", "--label", "negative", "--note", "irony")
        self.ok("feedback", "add", "-t", "lovely", "--label", "neutral")
        self.ok("feedback", "add", "-t", "lovely", "--label", "positive")
        self.assertEqual([row["label"] for row in lines(self.ok("feedback", "list", "-f", "jsonl"))],
                         ["positive", "neutral", "negative"])
        rows = list(csv.DictReader(io.StringIO(self.ok("feedback", "export").stdout.decode())))
        self.assertEqual([(row["text"], row["label"]) for row in rows],
                         [("lovely", "positive"), ("just great, it broke", "negative")])
        every = list(csv.DictReader(io.StringIO(self.ok("feedback", "export", "--all").stdout.decode())))
        self.assertEqual(len(every), 3)

    def test_label_studio_out_and_in_is_lossless(self):
        self.ok("feedback", "add", "-t", "a \"quoted\" text\n🙂", "--label", "positive", "--note", "n")
        first, second = self.folder / "first.json", self.folder / "second.json"
        self.ok("feedback", "export", "-f", "label-studio", "-o", first)
        for _ in range(2):  # the second adds nothing
            self.ok("feedback", "import", first, place="other.db")
        self.ok("feedback", "export", "-f", "label-studio", "-o", second, place="other.db")
        self.assertEqual(first.read_bytes(), second.read_bytes())
        self.assertEqual(len(json.loads(first.read_text())), 1)

    def test_deleting_asks_and_leaves_nothing(self):
        self.ok("feedback", "add", "-t", "xcanary text", "--label", "negative")
        refused = self.run_here("history", "delete", "--everything")
        self.assertEqual(refused.returncode, 2)
        self.assertIn(b"--yes", refused.stderr)
        dry = self.ok("history", "delete", "--everything", "--dry-run")
        self.assertIn(b"1 corrections would go", dry.stdout)
        self.assertIn(b"xcanary", (self.folder / "history.db").read_bytes())
        self.ok("history", "delete", "--everything", "--yes")
        left = b"".join(path.read_bytes() for path in self.folder.iterdir() if path.is_file())
        self.assertNotIn(b"xcanary", left)
        stats = json.loads(self.ok("history", "stats", "--json").stdout)
        self.assertEqual((stats["records"], stats["corrections"]), (0, 0))

    def test_what_makes_no_sense_is_refused(self):
        self.ok("feedback", "add", "-t", "t", "--label", "x")
        for arguments, code in ((("history", "delete", "--yes"), 2), (("history", "query", "--from", "xx"), 2),
                                (("history", "query", "--from", "2026-02", "--to", "2026-01"), 2),
                                (("history", "query", "--min-score", "high"), 2),
                                (("history", "export", "--for", "printers"), 2),
                                (("history", "report", "--bucket", "year"), 2), (("history", "report"), 3),
                                (("feedback", "add", "--label", "x"), 2),
                                (("feedback", "add", "--id", "unknown", "--label", "x"), 3)):
            with self.subTest(arguments=arguments):
                result = self.run_here(*arguments)
                self.assertEqual(result.returncode, code, result.stderr.decode())
                self.assertIn(b"error: ", result.stderr)
        missing = self.run_here("history", "stats", place="absent.db")
        self.assertEqual(missing.returncode, 3)
        self.assertFalse((self.folder / "absent.db").exists())


if __name__ == "__main__":
    unittest.main()
