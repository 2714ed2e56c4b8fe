"""What the server of the dashboard's tests answers: docs/http-api.md over records made by a seed.

The stream "fixture" is counted by hand, see FIXTURE; everything else is there to be looked at.
"""

import base64
import calendar
import hashlib
import math
import random
import time

from xss_strings import xss_strings

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LABELS = ["negative", "neutral", "positive"]

# (channel, negative, neutral, positive): 40 texts of the last 24 hours, 6 of them negative, that is 15.0 %; and 20 of the day
# before, 8 negative, that is 40 %.
FIXTURE = [("ios", 4, 1, 5), ("web", 2, 8, 10), ("", 0, 0, 10)]
FIXTURE_BEFORE = [("web", 8, 4, 8)]

PHRASES = {
    "negative": ["The battery died after a week.", "Support never answered, and I waited twelve days.",
                 "Crashes every time I open the camera.", "The new update is slow and my photos are gone.",
                 "Two parcels, both damaged. I want my money back.", "The zipper broke on the first trip.",
                 "Paid for express delivery and it still came late."],
    "neutral": ["The delivery is on Tuesday.", "How do I change the language of the menu?",
                "It comes in black and in white.", "Ordered the second size up, as the chart says.",
                "Is there a version for the tablet?"],
    "positive": ["Great screen, and it feels solid.", "Exactly what I was looking for. Would buy again!",
                 "The support team solved it in ten minutes.", "Light, warm and beautifully made.",
                 "Arrived a day early, and the fit is perfect.", "Finally an app that does what it says. 👏",
                 "Sehr gute Verarbeitung, gerne wieder."],
}
PLACES = [("reviews", "ios"), ("reviews", "android"), ("reviews", "web"), ("support", "mail"), ("support", "chat"),
          ("social", "")]
NEGATIVE_SHARE = {"reviews": 0.17, "support": 0.38, "social": 0.24}

WORDS = [("battery", 212, 40, 14.2), ("crashes", 118, 9, 11.8), ("waited", 96, 14, 9.9), ("late", 90, 22, 8.4),
         ("damaged", 71, 6, 8.1), ("slow", 70, 20, 7.0), ("refund", 52, 5, 6.6), ("broke", 49, 8, 6.1),
         ("update", 88, 61, 4.8), ("never", 64, 40, 4.1), ("express", 22, 6, 3.2), ("zipper", 14, 3, 2.5)]


def scores_of(label, best):
    rest = [each for each in LABELS if each != label]
    values = {label: best, rest[0]: round((1 - best) * 0.7, 6), rest[1]: round((1 - best) * 0.3, 6)}
    return [{"label": each, "score": values[each]} for each in LABELS]


def entropy_share(scores):
    return -sum(s["score"] * math.log(s["score"]) for s in scores if s["score"] > 0) / math.log(len(scores))


class Refused(Exception):
    def __init__(self, status, error, error_type="Validation", hint=""):
        super().__init__(error)
        self.status, self.error, self.error_type, self.hint = status, error, error_type, hint


class DashboardData:
    """Not thread-safe: the server holds a lock around each call."""

    def __init__(self, seed=7, text_policy="full", now_ms=None, hostile=False):
        self.random = random.Random(seed)
        self.started_ms = (now_ms or int(time.time() * 1000)) - 3 * HOUR
        self.text_policy = text_policy
        self.labels = list(LABELS)
        self.history_state = "ok"
        self.alerts_enabled = True
        self.corrections = {}
        self.feedback = []
        self.silences = []
        self.texts_total = 184_223
        self.serial = 0
        self.records = []
        now = now_ms or int(time.time() * 1000)
        if hostile:
            self._make_hostile(now)
        else:
            self._make(now)
        self.records.sort(key=lambda r: (r["time_ms"], r["id"]))

    # -- making ---------------------------------------------------------------------------------

    def record(self, time_ms, stream, channel, label, text, score=None):
        self.serial += 1
        score = score if score is not None else round(min(0.9995, 0.45 + 0.55 * self.random.random() ** 0.4), 6)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return {"id": f"01TEST{self.serial:020d}", "time_ms": time_ms, "stream": stream, "channel": channel, "text": text,
                "text_sha256": digest, "label": label, "score": score, "scores": scores_of(label, score) if label in LABELS else
                [{"label": label, "score": score}], "model": "default", "model_version": "3f1c9a72be04",
                "config_version": "a07d55e21b93", "tokens": len(text.split()) + 2, "truncated": False}

    def make_live(self, now_ms):
        stream, channel = self.random.choice(PLACES)
        share = NEGATIVE_SHARE[stream]
        label = self.random.choices(LABELS, [share, 0.2, 0.8 - share])[0]
        record = self.record(now_ms, stream, channel, label, self.random.choice(PHRASES[label]))
        self.records.append(record)
        self.texts_total += 1
        return record

    def _make(self, now):
        for _ in range(4000):
            # More lately, by day more than by night.
            age = int((self.random.random() ** 1.6) * 30 * DAY)
            stream, channel = self.random.choice(PLACES)
            hour = (now - age) / HOUR % 24
            share = NEGATIVE_SHARE[stream] + (0.2 if 5 * HOUR < age < 9 * HOUR and stream == "support" else 0)
            if self.random.random() < 0.25 + 0.5 * math.sin(math.pi * hour / 24):
                label = self.random.choices(LABELS, [share, 0.2, 0.8 - share])[0]
                record = self.record(now - age, stream, channel, label, self.random.choice(PHRASES[label]))
                if self.random.random() < 0.05:
                    record["metadata"] = {"order": self.random.randrange(1000, 9999)}
                self.records.append(record)
        for rows, first_age in ((FIXTURE, 2 * HOUR), (FIXTURE_BEFORE, 30 * HOUR)):
            age = first_age
            for channel, *counts in rows:
                for label, count in zip(LABELS, counts):
                    for i in range(count):
                        age += 5 * MINUTE
                        self.records.append(self.record(now - age, "fixture", channel, label, f"fixture {label} {channel} {i}"))
        odd = self.record(now - 90_000, "fixture-odd", "", "negative", "left \u202eright\u202c, bell \x07, line\nend, shy\u00adness, \u0627\u0644\u0633\u0644\u0627\u0645")
        self.records.append(odd)

    def _make_hostile(self, now):
        strings = xss_strings()
        self.labels = LABELS + strings[:12]
        for i, text in enumerate(strings):
            record = self.record(now - (i + 1) * 1000, strings[i % 40], strings[(7 * i) % len(strings)], self.labels[i % len(self.labels)], text)
            record["subject"] = text
            record["metadata"] = {text: text}
            self.records.append(record)
        self.silences.append({"id": "01HOSTILE", "rule": strings[3], "stream": strings[4], "from_ms": now, "until_ms": now + DAY,
                              "author": strings[5], "comment": strings[6]})
        self.hostile_words = strings[:30]

    # -- answering ------------------------------------------------------------------------------

    def shown(self, record):
        shown = dict(record)
        if self.text_policy != "full":
            del shown["text"]
        if self.text_policy == "none":
            del shown["text_sha256"]
        if record["id"] in self.corrections:
            shown["correction"] = self.corrections[record["id"]]
        return shown

    def queue(self):
        return {"requests": 2, "texts": 17, "tokens": 311}

    def latency(self, now_ms):
        wave = 1 + 0.25 * math.sin(now_ms / 20_000)
        return {"window_s": 300, "requests": 9120, "p50": round(1.8 * wave, 2), "p90": round(3.1 * wave, 2), "p99": round(7.4 * wave * wave, 2)}

    def per_second(self, now_ms):
        return round(41.5 + 12 * math.sin(now_ms / 15_000), 1)

    def stats(self, now_ms):
        return {"time_ms": now_ms, "texts": {"total": self.texts_total, "per_second": self.per_second(now_ms)},
                "latency_ms": self.latency(now_ms), "queue": self.queue(), "history": self.history_state, "skipped": 0}

    def status(self, now_ms, keys, level):
        history = {"state": self.history_state}
        if self.history_state != "off":
            history.update(backend="sqlite", records=len(self.records), texts=len(self.records), corrections=len(self.feedback),
                           size_bytes=734_003_200, oldest_ms=self.records[0]["time_ms"], newest_ms=self.records[-1]["time_ms"],
                           spool={"bytes": 0})
        if self.history_state == "delayed":
            history.update(message="the database does not answer: connection refused",
                           spool={"bytes": 391_022})
        models = [{"name": "default", "version": "3f1c9a72be04", "config_version": "a07d55e21b93", "source": "built-in",
                   "labels": self.labels, "negative_labels": ["negative"], "max_length": 512, "loaded_ms": self.started_ms + 500},
                  {"name": "german", "version": "9b20e7d14c55", "config_version": "a07d55e21b93", "source": "./german",
                   "labels": LABELS, "negative_labels": ["negative"], "max_length": 256, "loaded_ms": self.started_ms + 900}]
        return {"version": "0.1.0", "time_ms": now_ms, "started_ms": self.started_ms, "ready": True, "draining": False,
                "models": models, "texts": {"total": self.texts_total, "per_second": self.per_second(now_ms)},
                "latency_ms": self.latency(now_ms), "queue": self.queue(), "history": history, "text_policy": self.text_policy,
                "alerts": {"enabled": self.alerts_enabled}, "access": {"keys": keys, "level": level}}

    def select(self, asked):
        """Records of `asked`, oldest first."""
        words = asked.get("q", "").lower().split()
        for record in self.records:
            if not asked.get("from", 0) <= record["time_ms"] < asked.get("to", 1 << 60):
                continue
            if any(name in asked and record[name] != asked[name] for name in ("stream", "channel", "label")):
                continue
            if not asked.get("min_score", 0) <= record["score"] <= asked.get("max_score", 1):
                continue
            if "corrected" in asked and (record["id"] in self.corrections) != asked["corrected"]:
                continue
            if words:
                if self.text_policy != "full":
                    continue
                there = "".join(c.lower() if c.isalnum() else " " for c in record["text"]).split()
                if not all(any(w.startswith(word[:-1]) if word.endswith("*") else w == word for w in there) for word in words):
                    continue
            yield record

    def history(self, asked):
        found = list(self.select(asked))[::-1]
        begin = int(base64.urlsafe_b64decode(asked["cursor"])) if asked.get("cursor") else 0
        end = begin + asked.get("limit", 50)
        page = {"items": [self.shown(record) for record in found[begin:end]], "text_policy": self.text_policy}
        if end < len(found):
            page["next"] = base64.urlsafe_b64encode(str(end).encode()).decode()
        return page

    def trend(self, asked):
        bucket = asked.get("bucket", "day")
        span = asked.get("to", 0) - asked.get("from", 0)
        if span / {"minute": MINUTE, "hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 30 * DAY}[bucket] > 200_000:
            raise Refused(422, "more than 200000 buckets", hint="ask for a shorter period or a longer bucket")
        counts = {}
        if span > 45 * DAY and "stream" not in asked:
            self._fill_archive(counts, bucket, asked["from"], asked["to"])
        else:
            for record in self.select({k: v for k, v in asked.items() if k in ("from", "to", "stream", "channel")}):
                row = counts.setdefault(begin_of(bucket, record["time_ms"]), {})
                texts, total = row.get(record["label"], (0, 0.0))
                row[record["label"]] = (texts + 1, total + record["score"])
        labels = sorted({label for row in counts.values() for label in row})
        if not labels:
            return {"bucket": bucket, "labels": [], "series": []}
        times = sorted(counts)
        return {"bucket": bucket, "labels": labels,
                "series": [{"times_ms": times, "counts": [[counts[t].get(label, (0, 0))[0] for t in times] for label in labels],
                            "score_sums": [[round(counts[t].get(label, (0, 0))[1], 6) for t in times] for label in labels]}]}

    @staticmethod
    def _fill_archive(counts, bucket, begin, end):
        """Long periods hold more texts than there are records here: figures made for each bucket by its time."""
        size = {"minute": 1, "hour": 40, "day": 700, "week": 4900, "month": 21000}[bucket]
        time_ms = begin_of(bucket, begin)
        make = random.Random(11)
        while time_ms < end:
            share = 0.18 + 0.06 * math.sin(time_ms / (40 * DAY)) + (0.12 if (time_ms // DAY) % 97 < 4 else 0)
            total = max(1, round(size * (1 + 0.3 * math.sin(time_ms / (7 * DAY) * 2 * math.pi)) + make.random() * 3))
            negative = min(total, round(total * share + make.random() - 0.5))
            neutral = round((total - negative) * 0.2)
            counts[time_ms] = {"negative": (max(0, negative), 0.9 * negative), "neutral": (neutral, 0.8 * neutral),
                               "positive": (total - max(0, negative) - neutral, 0.9 * total)}
            time_ms = next_of(bucket, time_ms)

    def streams(self, asked):
        found = {}
        for record in self.select(asked):
            channel = found.setdefault(record["stream"], {}).setdefault(record["channel"], {})
            channel[record["label"]] = channel.get(record["label"], 0) + 1
        labels = sorted({label for channels in found.values() for counts in channels.values() for label in counts})
        streams = []
        for stream, channels in found.items():
            rows = [{"channel": channel, "counts": [counts.get(label, 0) for label in labels]} for channel, counts in channels.items()]
            rows.sort(key=lambda row: -sum(row["counts"]))
            streams.append({"stream": stream, "counts": [sum(column) for column in zip(*(row["counts"] for row in rows))], "channels": rows})
        streams.sort(key=lambda row: -sum(row["counts"]))
        return {"labels": labels, "streams": streams}

    def words(self, asked):
        if "label" not in asked:
            raise Refused(422, "label: required")
        rows = [{"word": w, "records": a, "other_records": b, "z": z} for w, a, b, z in WORDS]
        if hasattr(self, "hostile_words"):
            rows = [{"word": w, "records": 5, "other_records": 1, "z": 3.0} for w in self.hostile_words]
        return {"label": asked["label"], "text_policy": self.text_policy, "records": 1840, "other_records": 8160,
                "complete": False, "words": rows[:asked.get("limit", 30)] if self.text_policy == "full" else []}

    def alerts(self, now_ms):
        if not self.alerts_enabled:
            return {"enabled": False, "alerts": []}

        def alert(rule, stream, channel, phase, age, count, hits, threshold):
            covered = any((not s["rule"] or s["rule"] == rule) and (not s["stream"] or s["stream"] == stream) for s in self.silences)
            if phase == "firing" and covered:
                phase = "silenced"
            share = hits / count
            return {"rule": rule, "stream": stream, "channel": channel, "phase": phase, "since_ms": now_ms - age, "count": count,
                    "hits": hits, "statistic": share, "threshold": threshold,
                    "message": f"{hits} of the last {count} texts are negative ({100 * share:.0f} %, limit {100 * threshold:.0f} %)"}

        rule = "negative > 30 % of the last 100 texts"
        rows = [alert(rule, "support", "", "firing", 14 * MINUTE, 100, 41, 0.3),
                alert(rule, "reviews", "", "quiet", 8 * HOUR, 100, 14, 0.3),
                alert("negative above usual", "social", "", "pending", 4 * MINUTE, 63, 22, 0.35)]
        if hasattr(self, "hostile_words"):
            rows[0].update(rule=self.hostile_words[1], stream=self.hostile_words[2], message=self.hostile_words[8])
        rank = ["firing", "pending", "silenced", "quiet"]
        rows.sort(key=lambda each: rank.index(each["phase"]))
        return {"enabled": True, "alerts": rows}

    def add_silence(self, body, now_ms):
        if body.get("until_ms", 0) <= body.get("from_ms", now_ms):
            raise Refused(422, "until_ms: expected a time after from_ms")
        self.serial += 1
        silence = {"id": f"01SILENCE{self.serial}", "rule": "", "stream": "", "from_ms": now_ms, "author": "", "comment": "", **body}
        self.silences.append(silence)
        return silence

    def end_silence(self, silence_id):
        before = len(self.silences)
        self.silences = [each for each in self.silences if each["id"] != silence_id]
        if len(self.silences) == before:
            raise Refused(404, "no such silence", "NotFound")

    def add_feedback(self, body, now_ms):
        unknown = set(body) - {"id", "text", "label", "predicted", "note", "stream", "channel", "source"}
        if unknown:
            raise Refused(422, f"{sorted(unknown)[0]}: not a member of a correction")
        if body.get("label") not in self.labels:
            raise Refused(422, "label: expected a label of a loaded model")
        record = next((each for each in self.records if each["id"] == body.get("id")), None)
        if "id" in body and record is None and "text" not in body:
            raise Refused(404, "no such record", "NotFound")
        if "text" not in body and (record is None or self.text_policy != "full"):
            raise Refused(422, "text: required, the record's text was not stored")
        if record:
            self.corrections[record["id"]] = body["label"]
        self.serial += 1
        self.feedback.append(body)
        reply = {"id": f"01FEEDBACK{self.serial}", "time_ms": now_ms, "label": body["label"],
                 "predicted": record["label"] if record else body.get("predicted", "")}
        if record:
            reply["record_id"] = record["id"]
        return reply

    def feedback_queue(self, asked):
        if self.text_policy != "full":
            return {"text_policy": self.text_policy, "considered": 0, "items": []}
        found = [each for each in self.select(asked) if each["id"] not in self.corrections]
        found.sort(key=lambda each: -entropy_share(each["scores"]) if len(each["scores"]) > 1 else 0)
        items = []
        texts = set()
        for record in found:
            if record["text"] in texts:
                continue
            texts.add(record["text"])
            uncertainty = entropy_share(record["scores"]) if len(record["scores"]) > 1 else 0.5
            items.append({"record": self.shown(record), "reason": "diverse" if len(items) % 3 == 2 else "uncertain",
                          "uncertainty": round(uncertainty, 4)})
        return {"text_policy": self.text_policy, "considered": len(found), "items": items[:asked.get("limit", 20)]}

    def classify(self, body):
        results = []
        for text in body["texts"]:
            text = text["text"] if isinstance(text, dict) else text
            if not text.strip():
                results.append({"error": {"type": "EmptyText", "message": "the text is empty"}})
                continue
            label = "negative" if "bad" in text or "died" in text else "positive"
            scores = sorted(scores_of(label, 0.9731), key=lambda each: -each["score"])
            results.append({"label": label, "score": 0.9731, "scores": scores, "tokens": len(text.split()) + 2, "truncated": False,
                            "source": "model"})
        return {"model": body.get("model", "default"), "model_version": "3f1c9a72be04", "results": results,
                "timing_ms": {"queue": 0.1, "tokenize": 0.02, "inference": 1.1}}


def begin_of(bucket, time_ms):
    if bucket == "minute":
        return time_ms // MINUTE * MINUTE
    if bucket == "hour":
        return time_ms // HOUR * HOUR
    if bucket == "day":
        return time_ms // DAY * DAY
    if bucket == "week":  # 1970-01-01 was a Thursday
        return (time_ms // DAY - (time_ms // DAY + 3) % 7) * DAY
    date = time.gmtime(time_ms / 1000)
    return int(calendar_ms(date.tm_year, date.tm_mon))


def next_of(bucket, begin_ms):
    step = {"minute": MINUTE, "hour": HOUR, "day": DAY, "week": 7 * DAY}.get(bucket)
    if step:
        return begin_ms + step
    date = time.gmtime(begin_ms / 1000)
    return calendar_ms(date.tm_year + date.tm_mon // 12, date.tm_mon % 12 + 1)


def calendar_ms(year, month):
    return calendar.timegm((year, month, 1, 0, 0, 0)) * 1000
