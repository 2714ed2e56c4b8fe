"""valence alerts: check on histories worked out by hand, test against a receiver of one's own, status, silence."""
import hashlib
import hmac
import json
import os
import random
import unittest

import alert_receiver
from support import InTemporaryFolder, valence

CANARY = "canary-7f3a"


class Alerts(InTemporaryFolder):
    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"),
                            "XDG_CONFIG_HOME": str(self.folder / "config")}
        self.environment.pop("CREDENTIALS_DIRECTORY", None)

    def alerts(self, *args, **kwargs):
        return valence("alerts", *args, env=self.environment, **kwargs)

    def config(self, text):
        return self.file("valence.toml", text)

    def history(self, labels, begin=1_700_000_000, step=60, name="history.csv"):
        rows = "".join(f"{begin + i * step},{label}\n" for i, label in enumerate(labels))
        return self.file(name, "time,label\n" + rows)


class Check(Alerts):
    RULE = "negative > 10% of last 100"

    def firings(self, path, *rules):
        options = [word for rule in rules for word in ("--rule", rule)]
        result = self.alerts("check", path, *options, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_fixed_rule_fires_at_the_eleventh_negative_and_resolves_at_ten(self):
        # 89 positive and 11 negative: the hundredth text fills the window with 11. The next 79 push nothing out but
        # positives; from the 190th on negatives leave, and with the 190th text ten are left.
        labels = ["positive"] * 89 + ["negative"] * 11 + ["positive"] * 200
        found = self.firings(self.history(labels), self.RULE)
        self.assertEqual([(f["at_text"], f["count"], f["hits"]) for f in found["firings"]], [(100, 100, 11)])
        self.assertEqual(found["firings"][0]["fired"], "2023-11-14T23:52:20Z")
        self.assertEqual(found["firings"][0]["resolved"], "2023-11-15T01:22:20Z")
        self.assertEqual(found["firings"][0]["text"], "High negative feedback: 11/100 in last batch")
        self.assertEqual(found["messages"], 2)

    def test_random_history_fires_where_a_plain_reading_of_the_rule_does(self):
        generator = random.Random(11)
        labels = [("negative" if generator.random() < 0.1 else "positive") for _ in range(5000)]
        begins, above = [], False
        for end in range(100, len(labels) + 1):
            now = labels[end - 100:end].count("negative") * 10 > 100
            if now and not above:
                begins.append(end)
            above = now
        found = self.firings(self.history(labels), self.RULE)
        self.assertEqual([f["at_text"] for f in found["firings"]], begins)
        self.assertGreater(len(begins), 10)

    def test_rows_are_taken_in_the_order_of_time_in_every_spelling(self):
        rows = [{"time": "2026-01-01T00:00:%02dZ" % i, "label": "NEGATIVE" if i < 5 else "POSITIVE"} for i in range(10)]
        rows[3]["time"] = 1767225603
        rows[4]["time"] = "2026-01-01T01:00:04.0+01:00"
        path = self.file("history.jsonl", "".join(json.dumps(row) + "\n" for row in reversed(rows)))
        found = self.firings(path, "negative > 40% of last 10")
        self.assertEqual(found["begin"], "2026-01-01T00:00:00Z")
        self.assertEqual([f["at_text"] for f in found["firings"]], [10])

    def test_table_says_which_rule_fired_how_often(self):
        path = self.history(["positive"] * 89 + ["negative"] * 11 + ["positive"] * 200)
        result = self.alerts("check", path, "--rule", self.RULE, "--rule", "negative > 50% of last 100")
        text = result.stdout.decode()
        self.assertEqual(result.returncode, 0)
        self.assertRegex(text, r"(?m)^ +1 +[0-9.]+ %  negative > 10% of last 100$")
        self.assertRegex(text, r"(?m)^ +0 +0\.0 %  negative > 50% of last 100$")
        self.assertIn("11 of 100 (11.0 %, limit 10 %)", text)

    def test_misspelt_rule_names_the_word(self):
        path = self.history(["positive"])
        for rule, word in (("negative > 10% of least 100", '"least"'), ("negative > 110% of last 100", '"110%"'),
                           ("negative exceeds 10%", '"exceeds"'), ("negative > 10% of last 0", '"0"'),
                           ("negative > 10% of last 100, sometimes", '"sometimes"')):
            self.assert_refused(self.alerts("check", path, "--rule", rule), 2, word)

    def test_bad_times_are_counted_and_do_not_stop(self):
        path = self.file("history.csv", "time,label\nyesterday,negative\n1700000000,negative\n")
        result = self.alerts("check", path, "--rule", self.RULE)
        self.assertEqual(result.returncode, 1)
        self.assertIn('"yesterday" is no time', result.stderr.decode())


class Configuration(Alerts):
    def test_line_and_table_form_are_read(self):
        config = self.config("""
[alerts]
rules = ["negative > 10% of last 100 -> slack"]
group_wait = "10s"
[[alerts.rule]]
labels = ["negative", "anger"]
above = "20%"
last = "15m"
at_least = 30
receivers = "ops"
[alerts.receivers.slack]
url = "https://hooks.slack.com/services/T0/B0/x"
[alerts.receivers.ops]
kind = "webhook"
url = "https://ops.example.com/hook"
""")
        result = self.alerts("--config", config, "status")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.decode().startswith("2 rules, 2 receivers"), result.stdout)

    def test_mistakes_are_named_with_their_place(self):
        slack = '[alerts.receivers.slack]\nurl = "https://hooks.slack.com/services/T0/B0/canary-7f3a"\n'
        for text, needles in (
                ('[alerts]\nrulez = []\n', ["valence.toml:2", '"rulez"', 'did you mean "rules"']),
                ('[alerts]\nrules = ["negative > 10% of last 100 -> slak"]\n' + slack, ["slak", "no receiver"]),
                ('[alerts]\nrules = [\n  "negative > ten of last 100 -> slack"\n]\n' + slack, ["valence.toml:3", '"ten"']),
                (slack + 'timeuot = "1s"\n', ["valence.toml:3", 'did you mean "timeout"']),
                (slack.replace("https", "http"), ["no https URL"]),
                (slack.replace("hooks.slack.com", "169.254.169.254"), ["not public"]),
                ('[alerts.receivers.slak]\nurl = "https://x.example/"\n', ['did you mean kind = "slack"']),
                ('[[alerts.rule]]\nlabels = "negative"\nabove = "10%"\nlearn = 5\nreceivers = "slack"\n' + slack,
                 ["valence.toml:4", '"learn"'])):
            result = self.alerts("--config", self.config(text), "status")
            self.assert_refused(result, 2, *needles)
            self.assertNotIn(CANARY, result.stderr.decode())


class Test(Alerts):
    """`valence alerts test` over a real socket; plain http needs allow_private, which loopback needs anyway."""

    def setUp(self):
        super().setUp()
        self.receiver = alert_receiver.Receiver().__enter__()
        self.addCleanup(self.receiver.__exit__)
        self.file("url", self.receiver.url + "\n")

    def post_test(self, kind="slack", more="", *args):
        config = self.config(f'[alerts]\nrules = ["negative > 10% of last 100 -> hook"]\n[alerts.receivers.hook]\n'
                             f'kind = "{kind}"\nurl_file = "{self.folder}/url"\nallow_private = true\n'
                             f'timeout = "2s"\n{more}\n')
        result = self.alerts("--config", config, "test", *args)
        self.assertNotIn(CANARY, (result.stdout + result.stderr).decode())
        return result

    def test_slack_message_has_text_and_blocks(self):
        self.assertEqual(self.post_test().returncode, 0)
        path, headers, body = self.receiver.got[0]
        self.assertTrue(path.endswith(CANARY))
        self.assertEqual(headers["Content-Type"], "application/json; charset=utf-8")
        message = json.loads(body)
        self.assertEqual(message["text"], "High negative feedback: 14/100 in last batch")
        self.assertEqual([block["type"] for block in message["blocks"]], ["header", "section", "context"])
        self.assertIn("*14 of 100*", message["blocks"][1]["text"]["text"])

    def test_webhook_is_signed_and_has_its_key(self):
        result = self.post_test("webhook", 'key = "sesame"\ntemplate = "{\\"say\\": {{text}}, \\"key\\": {{id}}}"')
        self.assertEqual(result.returncode, 0, result.stderr)
        _, headers, body = self.receiver.got[0]
        expected = hmac.new(b"sesame", body, hashlib.sha256).hexdigest()
        self.assertEqual(headers["X-Valence-Signature"], "sha256=" + expected)
        message = json.loads(body)
        self.assertEqual(message["say"], "High negative feedback: 14/100 in last batch")
        self.assertEqual(headers["Idempotency-Key"], message["key"])

    def test_alertmanager_gets_version_2(self):
        self.assertEqual(self.post_test("alertmanager").returncode, 0)
        alerts = json.loads(self.receiver.got[0][2])
        self.assertEqual(alerts[0]["labels"]["stream"], "test")
        self.assertRegex(alerts[0]["startsAt"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertGreater(alerts[0]["endsAt"], alerts[0]["startsAt"])

    def test_dry_run_sends_nothing_and_hides_the_path(self):
        result = self.post_test("slack", "", "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("High negative feedback", result.stdout.decode())
        self.assertEqual(self.receiver.got, [])

    def test_refusals_are_said(self):
        for answer, needle in ((alert_receiver.status(404, b"no_service"), "answered 404 (no_service)"),
                               (alert_receiver.status(410, b"channel_is_archived"), "the address is no more"),
                               (alert_receiver.status(429, b"slow down", Retry_After="7"), "answered 429"),
                               (alert_receiver.status(400, b"invalid_payload"), "invalid_payload")):
            self.receiver.answers(answer)
            self.assert_refused(self.post_test(), 4, needle)

    def test_redirect_is_not_followed(self):
        self.receiver.answers(alert_receiver.status(302, b"", Location=self.receiver.url))
        self.assert_refused(self.post_test(), 4, "redirects are not followed")
        self.assertEqual(len(self.receiver.got), 1)

    def test_hanging_receiver_is_left_after_the_timeout(self):
        self.receiver.answers(alert_receiver.hang)
        result, seconds = alert_receiver.timed(self.post_test)
        self.assertEqual(result.returncode, 4)
        self.assertLess(seconds, 15)

    def test_gigabyte_of_answer_is_not_read(self):
        self.receiver.answers(alert_receiver.gigabyte)
        result, seconds = alert_receiver.timed(self.post_test)
        self.assertEqual(result.returncode, 0)  # its status said that the message was taken
        self.assertLess(seconds, 15)

    def test_loopback_needs_allow_private(self):
        self.file("url", "https://localhost:1/" + CANARY)
        config = self.config(f'[alerts.receivers.slack]\nurl_file = "{self.folder}/url"\n')
        result = self.alerts("--config", config, "test")
        self.assert_refused(result, 4, "where no request may go")
        self.assertNotIn(CANARY, result.stderr.decode())


class StatusAndSilence(Alerts):
    def test_silence_is_kept_listed_and_ended(self):
        begun = self.alerts("silence", "--for", "2h", "--comment", "release day")
        self.assertEqual(begun.returncode, 0, begun.stderr)
        silences = json.loads(self.alerts("status", "--json").stdout)["silences"]
        self.assertEqual([silence["comment"] for silence in silences], ["release day"])
        self.assertEqual(self.alerts("silence", "--end", silences[0]["id"]).returncode, 0)
        self.assertEqual(json.loads(self.alerts("status", "--json").stdout)["silences"], [])

    def test_mistakes_are_refused(self):
        self.assert_refused(self.alerts("silence"), 2, "either --for or --end")
        self.assert_refused(self.alerts("silence", "--for", "soon"), 2, "no duration")
        self.assert_refused(self.alerts("silence", "unknown rule", "--for", "1h"), 2, "there is no rule")
        self.assert_refused(self.alerts("silence", "--end", "none"), 3, "there is none with the id")

    def test_torn_and_foreign_state_files(self):
        self.alerts("silence", "--for", "2h")
        state = self.folder / "state/valence/alerts.journal"
        state.write_bytes(state.read_bytes() + b'{"key":"sil')
        self.assertEqual(len(json.loads(self.alerts("status", "--json").stdout)["silences"]), 1)
        self.assertTrue(state.read_bytes().endswith(b"}\n"))
        state.write_text("something else entirely, longer than the header of a journal is\n")
        self.assert_refused(self.alerts("status"), 3, "no state of alerts")


if __name__ == "__main__":
    unittest.main()
