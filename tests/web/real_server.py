"""A `valence serve` whose history, alerts and live feed are known, for the dashboard's tests in a browser."""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from serve_support import KEY_LINES, Server  # noqa: E402
from support import BINARY  # noqa: E402

from dashboard_data import FIXTURE  # noqa: E402

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
ARCHIVE_MINUTES = 90 * 24 * 60
# Texts that leave the built-in model no doubt, by label.
SURE = {"negative": "I hate it", "neutral": "the delivery is on tuesday", "positive": "I love it"}
# As levels of the table `tally` (src/valence/store/history_sql.h).
LEVELS = ((0, MINUTE), (1, 60 * MINUTE), (2, DAY))

CONFIG = """
[alerts]
rules = ["negative > 50% of last 20, on stream angry -> nobody"]
state_file = "{folder}/alerts.journal"
[alerts.receivers.nobody]
kind = "webhook"
url = "http://127.0.0.1:9/"
allow_private = true
"""


class RealServer(Server):
    """`keys`: with an API key file. `archive`: with a text of each minute of 90 days in the stream "archive"."""

    def __init__(self, keys=False, archive=False):
        self._folder = tempfile.TemporaryDirectory(prefix="valence-dashboard-")
        folder = pathlib.Path(self._folder.name)
        (folder / "config.toml").write_text(CONFIG.format(folder=folder))
        (folder / "keys.txt").write_text(KEY_LINES)
        self.history = folder / "history.db"
        if archive:
            self._fill_archive()
        arguments = ["--config", folder / "config.toml", "--store-text", "full", "--history-db", self.history]
        super().__init__(*arguments, *(["--api-key-file", folder / "keys.txt"] if keys else []), home=folder)

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self._folder.cleanup()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def _fill_archive(self):
        # The program itself makes the tables; the counts are what it would have added up.
        subprocess.run([BINARY, "feedback", "add", "-t", "made first", "--label", "neutral"], check=True, timeout=60,
                       env={**os.environ, "VALENCE_HISTORY_DB": str(self.history)}, capture_output=True)
        now = int(time.time() * 1000) // DAY * DAY
        texts = [("archive", "negative" if i % 4 == 0 else "positive", now - 2 * DAY - i * MINUTE, 1) for i in range(ARCHIVE_MINUTES)]
        # The day before FIXTURE: 8 of 20 are negative.
        before = int(time.time() * 1000) - 30 * 60 * MINUTE
        texts += [("fixture", label, before, count) for label, count in (("negative", 8), ("neutral", 4), ("positive", 8))]
        tally = {}
        for level, width in LEVELS:
            for stream, label, time_ms, count in texts:
                key = (level, time_ms // width * width, stream, "", label)
                tally[key] = tally.get(key, 0) + count
        with contextlib.closing(sqlite3.connect(self.history)) as database:
            database.executemany("INSERT INTO tally VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                                 [(*key, count, 900_000 * count) for key, count in tally.items()])
            database.commit()

    def send(self, texts, headers=None, **members):
        for begin in range(0, len(texts), 100):
            status, reply = self.classify(*texts[begin:begin + 100], headers=headers, **members)
            assert status == 200, reply

    def fill(self, strings=(), headers=None):
        """The stream "fixture" as dashboard_data counts it, an alert that fires, and a text for each of `strings`."""
        for channel, *counts in FIXTURE:
            for (label, text), count in zip(SURE.items(), counts):
                if count:
                    self.send([text] * count, headers, stream="fixture", channel=channel)
        self.send([SURE["negative"]] * 20, headers, stream="angry")
        self.send(["The battery died after a week, it is bad."] * 40 + ["The screen is great."] * 80, headers, stream="reviews", channel="ios")
        self.send(["Is there a version for the tablet?", "Two parcels, both damaged.", "It is fine I suppose, nothing special.",
                   "Not great, not terrible.", "The zipper broke, but support was kind."], headers, stream="reviews", channel="web")
        texts = [{"text": each, "metadata": {each: each}} if each.strip() else each for each in strings]
        self.send(texts, headers, stream="hostile")
        for each in strings[:40]:
            if len(each.encode("utf-8", "replace")) <= 200 and each.strip():
                self.send([each], headers, stream=each, channel=each, subject=each)
        end = time.monotonic() + 60
        wanted = 40 + 20 + 120 + 5 + sum(1 for each in strings if each.strip())
        while self.history_count(headers) < wanted:
            assert time.monotonic() < end, "the history does not have what was classified"
            time.sleep(0.1)

    def history_count(self, headers=None):
        """Records of the last hour."""
        _, reply = self.json("GET", f"/v1/streams?from={int(time.time() * 1000) - 60 * MINUTE}", headers=headers)
        return sum(sum(each["counts"]) for each in reply["streams"])
