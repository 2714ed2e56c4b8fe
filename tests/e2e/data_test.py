"""valence data: what is found in the raw exports, what is dropped, and that parts, weights and labels add up."""
import csv
import gzip
import io
import json
import os
import random
import re
import unittest
from pathlib import Path

from support import InTemporaryFolder, valence

SHARED = Path(os.environ.get("VALENCE_SHARED_DIR", "../shared")) / "data"


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def summary(result):
    return json.loads(result.stdout)


@unittest.skipUnless((SHARED / "raw_feedback.csv").exists(), "the shared data is absent")
class RawFeedback(InTemporaryFolder):
    """The counts of the data's README, each by its kind."""

    def clean(self, name, *args):
        return valence("data", "clean", SHARED / name, "--label-column", "sentiment", "-o", self.folder / "clean.csv",
                       "--json", *args)

    def test_every_defect_of_the_utf8_file_is_counted(self):
        result = self.clean("raw_feedback.csv", "--report", self.folder / "report.jsonl")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = summary(result)["found"]
        self.assertEqual(summary(result)["rows"], 2910)
        self.assertEqual(found["missing"],
                         {"comment": 46, "sentiment": 553, "created_at": 115, "channel": 117, "id": 12})
        self.assertEqual(found["line_break"], 91)
        self.assertEqual(found["emoji"], 300)
        self.assertEqual(found["html"], 143)
        self.assertEqual(found["exact_repeats"], 60)
        self.assertEqual(found["repeats_under_new_id"], 40)
        self.assertEqual(found["too_few_cells"], 4)
        self.assertEqual(found["too_many_cells"], 4)
        self.assertEqual(found["longest_text_chars"], 8180)

    def test_every_dropped_row_has_a_line_in_the_report(self):
        result = self.clean("raw_feedback.csv", "--report", self.folder / "report.jsonl")
        lines = [json.loads(line) for line in (self.folder / "report.jsonl").read_text().splitlines()]
        dropped = [line for line in lines if line["action"] == "dropped"]
        counts = summary(result)["dropped"]
        self.assertEqual(len(dropped), counts["rows"])
        for reason in ("too_few_cells", "too_many_cells", "missing_text", "missing_label", "duplicate"):
            self.assertEqual(sum(line["reasons"] == [reason] for line in dropped), counts[reason], reason)
        written = rows_of(self.folder / "clean.csv")
        self.assertEqual(len(written) + len(dropped), 2910)
        texts = [row["comment"] for row in written]
        self.assertEqual(len(set(texts)), len(texts))

    def test_labels_come_out_in_one_spelling_each(self):
        result = self.clean("raw_feedback.csv", "--map-label", "neg=negative", "--map-label", "pos=positive",
                            "--map-label", "neu=neutral", "--keep", "comment,sentiment")
        self.assertEqual(set(summary(result)["labels"]), {"negative", "neutral", "positive"})
        written = rows_of(self.folder / "clean.csv")
        self.assertEqual(list(written[0]), ["comment", "sentiment"])
        self.assertTrue(all(row["comment"].strip() and row["sentiment"] in summary(result)["labels"] for row in written))
        self.assertFalse(any("&amp;" in row["comment"] or "<br" in row["comment"] for row in written))

    def test_latin1_file_with_semicolons(self):
        result = self.clean("raw_feedback_latin1.csv", "--encoding", "iso-8859-1")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = summary(result)["found"]
        self.assertEqual(summary(result)["rows"], 172)
        self.assertEqual(found["non_ascii"], 172)
        self.assertEqual(found["missing"]["created_at"], 172)
        self.assertIn(b'separated by ";"', result.stderr)
        self.assertIn("Capitães de Abril", rows_of(self.folder / "clean.csv")[0]["comment"])

    def test_wrong_encoding_is_told_with_the_remedy(self):
        result = self.clean("raw_feedback_latin1.csv")
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"no row is utf-8", result.stderr)
        self.assertIn(b"--encoding windows-1252", result.stderr)
        self.assertFalse((self.folder / "clean.csv").exists())

    def test_stats_see_the_same_gaps(self):
        result = valence("data", "stats", SHARED / "raw_feedback.csv", "--label-column", "sentiment", "-m", "none",
                         "--json")
        stats = summary(result)
        self.assertEqual(stats["unreadable"], 8)
        self.assertEqual(stats["missing"]["comment"], 46)
        self.assertTrue(any("neg" in warning and "negative" in warning for warning in stats["warnings"]))


@unittest.skipUnless((SHARED / "tweet_sentiment/dev.csv").exists(), "the shared data is absent")
class NearDuplicates(InTemporaryFolder):
    def planted(self, texts, generator):
        """500 near-duplicates by case, punctuation and one-word edits, of texts of five words and more."""
        words = " ".join(texts).split()
        candidates = generator.sample([text for text in texts if len(text.split()) >= 5], 500)
        for index, text in enumerate(candidates):
            kind = index % 5
            if kind == 0:
                yield text.upper()
            elif kind == 1:
                yield re.sub(r"[.,!?]", "", text) + " !!!"
            else:
                parts = text.split()
                at = generator.randrange(len(parts))
                if kind == 2:
                    parts[at] = generator.choice(words)
                elif kind == 3:
                    parts.insert(at, generator.choice(words))
                else:
                    del parts[at]
                yield " ".join(parts)

    def test_planted_ones_are_found_and_hardly_any_other(self):
        for name in ("tweet_sentiment/dev.csv", "sst2/train.csv"):
            with self.subTest(name):
                generator = random.Random(0)
                texts = list(dict.fromkeys(row["text"] for row in rows_of(SHARED / name)))
                source = self.folder / "planted.csv"
                with open(source, "w", newline="", encoding="utf-8") as file:
                    writer = csv.writer(file)
                    writer.writerow(["text", "kind"])
                    writer.writerows([text, "own"] for text in texts)
                    writer.writerows([text, "planted"] for text in self.planted(texts, generator))
                report = self.folder / "report.csv"
                valence("data", "clean", source, "--repair", "none", "--near-duplicates", "--dry-run", "--report", report)
                dropped = {int(row["row"]) for row in rows_of(report)
                           if row["reasons"] in ("near_duplicate", "duplicate")}
                found = sum(row > len(texts) for row in dropped)
                false = sum(row <= len(texts) for row in dropped)
                self.assertGreaterEqual(found, 490)
                self.assertLessEqual(false, len(texts) // 100)


class Clean(InTemporaryFolder):
    def clean(self, content, *args, name="in.csv"):
        return valence("data", "clean", self.file(name, content), *args)

    def test_the_usual_recipe(self):
        # df[["comment", "sentiment"]].dropna().drop_duplicates("comment").to_csv(index=False)
        result = self.clean("id,comment,sentiment\n1,good,pos\n2,,neg\n3,bad,\n4,good,pos\n5,fine,pos\n",
                            "--label-column", "sentiment", "--keep", "comment,sentiment")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, b"comment,sentiment\ngood,pos\nfine,pos\n")

    def test_quiet_says_nothing(self):
        self.assertEqual(self.clean("text\na\n", "-q").stderr, b"")

    def test_json_lines_keep_their_other_fields(self):
        content = '{"text": " a&amp;b ", "label": "Pos", "n": 1.0, "x": {"y": [1]}}\n{"text": null, "label": "pos"}\n'
        result = self.clean(content, name="in.jsonl")
        self.assertEqual(result.stdout, b'{"text": "a&b", "label": "pos", "n": 1.0, "x": {"y": [1]}}\n')

    def test_duplicates_with_another_label_are_told(self):
        result = self.clean("text,label\nsame,a\nsame,b\n", "--report", self.folder / "r.csv")
        self.assertEqual(result.stdout, b"text,label\nsame,a\n")
        self.assertIn(b"1 dropped duplicates had another label", result.stderr)
        self.assertEqual(rows_of(self.folder / "r.csv")[0]["detail"], 'of line 2, whose label is "a" and not "b"')

    def test_near_duplicates_with_another_label_stay(self):
        content = "text,label\nthe food was really good here,pos\nthe food was really bad here,neg\n"
        result = self.clean(content, "--near-duplicates")
        self.assertEqual(result.stdout.decode(), content)
        self.assertIn(b"1 near-duplicates were kept", result.stderr)

    def test_personal_data_goes_from_text_and_report(self):
        result = self.clean("text\nmail ann@example.com or +49 30 1234567\n", "--redact", "all",
                            "--report", self.folder / "r.jsonl")
        self.assertEqual(result.stdout, b"text\nmail [EMAIL] or [PHONE]\n")
        self.assertNotIn("ann@", (self.folder / "r.jsonl").read_text())

    def test_only_wanted_labels(self):
        result = self.clean("text,label\na,x\nb,Y\nc,z\n", "--labels", "X,y")
        self.assertEqual(result.stdout, b"text,label\na,x\nb,y\n")

    def test_dry_run_writes_nothing(self):
        output = self.folder / "out.csv"
        result = self.clean("text\na\n", "-o", output, "--dry-run")
        self.assertEqual((result.returncode, result.stdout, output.exists()), (0, b"", False))

    def test_bad_requests(self):
        content = "id,comment,sentiment\n1,good,pos\n"
        for args, code, *needles in [
                (["--text-column", "txt"], 3, 'no column "txt"', "id, comment, sentiment"),
                (["--label-column", "lable"], 3, 'no column "lable"', "--label-column"),
                (["--label-column", "comment"], 2, "column of the texts too"),
                (["--keep", "comment,nope"], 3, 'no column "nope"'),
                (["--keep", "comment,comment"], 2, "twice"),
                (["--repair", "magic"], 2, '"magic" is not one of all, none, mojibake'),
                (["--redact", "names"], 2, '"names" is not one of all, url'),
                (["--map-label", "a=b"], 2, "no label column"),
                (["--label-column", "sentiment", "--map-label", "a"], 2, "has no ="),
                (["--similarity", "0.8"], 2, "add --near-duplicates"),
                (["--near-duplicates", "--similarity", "2"], 2, "no number from 0.5 to 1"),
                (["--json"], 2, "add -o FILE or --dry-run"),
                (["--encoding", "klingon"], 2, "is not one of utf-8"),
                (["--delimiter", "::"], 2, "one character or tab"),
                (["-o", "out.xlsx.gz"], 2, "tells no output format"),
                (["-o", "out.xlsx"], 2, "tells no output format")]:
            with self.subTest(args):
                self.assert_refused(self.clean(content, *args), code, *needles)

    def test_bad_files(self):
        self.assert_refused(self.clean(""), 3, "is empty")
        self.assert_refused(self.clean("", name="in.jsonl"), 3, "is empty")
        self.assert_refused(self.clean("text\n"), 3, "has no rows")
        self.assert_refused(valence("data", "clean", self.folder / "absent.csv"), 3, "absent.csv")
        path = self.file("same.csv", "text\na\n")
        self.assert_refused(valence("data", "clean", path, "-o", path), 2, "is also an input")
        self.assertEqual(path.read_bytes(), b"text\na\n")

    def test_every_row_dropped_is_a_warning_and_exit_1(self):
        result = self.clean("text\n-\nNULL\n")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"every row was dropped", result.stderr)


class Split(InTemporaryFolder):
    def labelled(self, rows):
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["text", "label", "customer"])
        writer.writerows(rows)
        return self.file("in.csv", out.getvalue())

    def parts(self):
        return {part: rows_of(self.folder / "out" / f"{part}.csv") for part in ("train", "dev", "test")}

    def test_labels_are_cut_alike_and_the_seed_decides(self):
        path = self.labelled([f"unlike text {chr(97 + i % 26)}{i} {i * 7919} {i * 104729}", "ab"[i % 4 == 0], i]
                             for i in range(400))
        first = None
        for seed in (1, 1, 2):
            result = valence("data", "split", path, "-o", self.folder / "out", "--seed", seed)
            self.assertEqual(result.returncode, 0, result.stderr)
            parts = self.parts()
            self.assertEqual({part: len(rows) for part, rows in parts.items()}, {"train": 320, "dev": 40, "test": 40})
            self.assertEqual(sum(row["label"] == "b" for row in parts["dev"]), 10)
            texts = [row["text"] for row in parts["dev"]]
            if first is None:
                first = texts
            self.assertEqual(texts == first, seed == 1)

    def test_near_duplicates_stay_on_one_side(self):
        rows = []
        for i in range(100):
            base = f"word{i} other{i * 3} third{i * 7} fourth{i * 11} fifth{i * 13}"
            rows += [[base, "ab"[i % 2], i], [base.upper() + "!", "ab"[i % 2], i], [base + " too", "ab"[i % 2], i]]
        path = self.labelled(rows)
        result = valence("data", "split", path, "-o", self.folder / "out", "--json")
        self.assertEqual(summary(result)["near_duplicate_groups"], 100)
        self.assertEqual(summary(result)["near_duplicate_rows"], 300)
        parts = self.parts()
        customers = {part: {row["customer"] for row in rows} for part, rows in parts.items()}
        self.assertFalse(customers["train"] & customers["dev"] or customers["train"] & customers["test"] or
                         customers["dev"] & customers["test"])

    def test_group_by(self):
        path = self.labelled([f"alpha{i} beta{i * 3} gamma{i * 5} delta{i}", "ab"[i % 2], i // 10] for i in range(300))
        valence("data", "split", path, "-o", self.folder / "out", "--group-by", "customer", "--ratios", "6,2,2")
        parts = self.parts()
        customers = [{row["customer"] for row in rows} for rows in parts.values()]
        self.assertEqual(sum(map(len, customers)), 30)
        self.assertEqual(len(set.union(*customers)), 30)

    def test_bad_requests(self):
        one_class = self.labelled([[f"text {i}", "a", i] for i in range(10)])
        out = self.folder / "out"
        self.assert_refused(valence("data", "split", one_class, "-o", out), 3, 'every row is labelled "a"')
        self.assertFalse(out.exists())
        self.assert_refused(valence("data", "split", self.file("t.csv", "text\na\n"), "-o", out), 3, 'no column "label"')
        self.assert_refused(valence("data", "split", one_class), 2, "--output", "add -o DIR")
        self.assert_refused(valence("data", "split", one_class, "-o", out, "--train", "0.9", "--dev", "0.3"), 2, "sum to 1.2")
        self.assert_refused(valence("data", "split", one_class, "-o", out, "--ratios", "1"), 2, "two or three")
        self.assert_refused(valence("data", "split", one_class, "-o", out, "--group-by", "who"), 3, 'no column "who"')

    def test_what_a_file_kept_for_testing_has_is_left_out_of_train(self):
        words = ["alpha", "bravo", "carol", "delta", "eagle", "foxes", "grand", "house"]
        generator = random.Random(4)
        texts = [" ".join(generator.choices(words, k=12)) for _ in range(100)]
        source = self.labelled([(text, "ab"[i % 2], i) for i, text in enumerate(texts)])
        # One word of twelve differs, or case and punctuation; and two that are nobody's.
        held = [texts[i].replace(" ", " new ", 1) if i % 2 else texts[i].upper() + "!" for i in range(0, 20)]
        against = self.file("held.jsonl", "".join(
            json.dumps({"review": text}) + "\n" for text in [*held, "something else", ""]))
        result = valence("data", "split", source, "--against", against, "-o", self.folder / "out", "--json")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        counts = json.loads(result.stdout)
        found = counts["against"]
        self.assertEqual((found["rows"], found["unreadable"]), (22, 0))
        self.assertEqual(found["left_out_of_train"] + found["also_in_dev"] + found["also_in_test"], 20)
        self.assertEqual(sum(part["rows"] for part in counts["parts"].values()), 100 - found["left_out_of_train"])
        train = (self.folder / "out" / "train.csv").read_text()
        self.assertFalse([text for text in texts[:20] if text in train])
        self.assertEqual(sum(text in train for text in texts[20:]), counts["parts"]["train"]["rows"])
        message = result.stderr.decode()
        self.assertRegex(message, r"warning: \d+ rows are among the 22 of --against and are left out of train; the "
                                  r"first, .*:\d+, is .*held.jsonl:\d+")
        # Only the same bytes, where near-duplicates do not count.
        exact = self.file("exact.csv", f"text\n{texts[0]}\n{texts[1].upper()}\n")
        result = valence("data", "split", source, "--against", exact, "--no-near-duplicates", "--dry-run", "--json",
                         "--train", "1")
        self.assertEqual(json.loads(result.stdout)["against"]["left_out_of_train"], 1)
        self.assert_refused(valence("data", "split", source, "--against", self.folder / "absent.csv", "--dry-run"), 3,
                            "absent.csv")

    def test_a_class_of_one_is_told(self):
        path = self.labelled([[f"one{i} two{i} three{i}", "a", i] for i in range(20)] + [["lonely text", "b", 0]])
        result = valence("data", "split", path, "-o", self.folder / "out")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b'dev has no row of "b" (1 in all)', result.stderr)


class Balance(InTemporaryFolder):
    CONTENT = "text,label\na,x\nb,x\nc,x\nd,y\n"

    def test_weights(self):
        result = valence("data", "balance", self.file("in.csv", self.CONTENT), "--method", "weights")
        # 4 / (2 * 3) and 4 / (2 * 1), as float32
        self.assertEqual(json.loads(result.stdout), {"x": 0.6666667, "y": 2})

    def test_over_and_under(self):
        path = self.file("in.csv", self.CONTENT)
        over = valence("data", "balance", path, "--method", "over")
        self.assertEqual(over.stdout.decode(), self.CONTENT + "d,y\nd,y\n")
        under = valence("data", "balance", path, "--method", "under").stdout.decode().splitlines()
        self.assertEqual(len(under), 3)
        self.assertEqual(under[-1], "d,y")

    def test_bad_requests(self):
        path = self.file("in.csv", "text,label\na,x\n")
        self.assert_refused(valence("data", "balance", path, "--method", "over"), 3, "nothing to balance")
        self.assert_refused(valence("data", "balance", path, "--method", "more"), 2, "over, under, weights")
        self.assert_refused(valence("data", "balance", path), 2, "--method")


class Label(InTemporaryFolder):
    RULES = """
[[rules]]
label = "negative"
any = ["never again", "broken"]
none = ["not broken"]

[[rules]]
name = "thanks"
label = "positive"
regex = "(?i)\\\\bthank(s| you)\\\\b"
"""
    TEXTS = "Thanks, it works\nNever, AGAIN!\nnot broken at all\nthank you, it is broken\nit is a table\n"

    def test_rules_vote(self):
        out = self.folder / "out.csv"
        result = valence("data", "label", self.file("in.txt", self.TEXTS), "--rules", self.file("r.toml", self.RULES),
                         "-o", out, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([(row["text"], row["label"], row["label_sources"]) for row in rows_of(out)],
                         [("Thanks, it works", "positive", "thanks"), ("Never, AGAIN!", "negative", "rule 1")])
        counts = summary(result)
        self.assertEqual((counts["labelled"], counts["uncovered"], counts["conflicts"]), (2, 2, 1))
        self.assertEqual(counts["sources"][0], {"name": "rule 1", "votes": 2, "overlaps": 1, "conflicts": 1,
                                                "judged": 0, "right": 0})

    def test_review_holds_conflicts_first(self):
        review = self.folder / "review.csv"
        valence("data", "label", self.file("in.txt", self.TEXTS), "--rules", self.file("r.toml", self.RULES),
                "--review", review, "--dry-run")
        rows = rows_of(review)
        self.assertEqual([row["review_reason"] for row in rows], ["conflict", "uncovered", "uncovered"])
        self.assertEqual(rows[0]["review_votes"], "rule 1: negative; thanks: positive")

    def test_gold_labels_stay_and_judge(self):
        content = "text,label\nthanks a lot,positive\nthanks for nothing,negative\nso broken,\n"
        result = valence("data", "label", self.file("in.csv", content), "--rules", self.file("r.toml", self.RULES),
                         "-o", self.folder / "out.jsonl", "--json")
        counts = summary(result)
        self.assertEqual((counts["gold"], counts["judged"], counts["right"]), (2, 2, 1))
        rows = [json.loads(line) for line in (self.folder / "out.jsonl").read_text().splitlines()]
        self.assertEqual([(row["label"], row["label_sources"]) for row in rows],
                         [("positive", "gold"), ("negative", "gold"), ("negative", "rule 1")])

    def test_a_model_votes_when_it_is_sure(self):
        for min_score, votes in (("0", 5), ("1", 0)):
            result = valence("data", "label", self.file("in.txt", self.TEXTS), "-m", self.model, "--min-score", min_score,
                             "--dry-run", "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(summary(result)["sources"][0]["votes"], votes)

    @unittest.skipUnless((SHARED / "sst2/train.csv").exists(), "the shared data is absent")
    def test_a_lexicon_of_labelled_data_is_mostly_right(self):
        result = valence("data", "label", SHARED / "sst2/dev.csv", "--lexicon-from", SHARED / "sst2/train.csv",
                         "--dry-run", "--json")
        source = summary(result)["sources"][0]
        self.assertGreater(source["votes"], 600)
        self.assertGreater(source["right"] / source["judged"], 0.75)

    def test_bad_requests(self):
        path = self.file("in.txt", self.TEXTS)
        self.assert_refused(valence("data", "label", path), 2, "nothing to label with")
        for rules, needle in [("", "holds no rules"), ("[[rules]]\nlabel = 'x'\n", "neither any nor regex"),
                              ("[[rules]]\nany = 'x'\n", "has no label"), ("[[rules]]\nlable = 'x'\n", "did you mean label?"),
                              ("[[rules]]\nlabel = 'x'\nregex = '('\n", "regular expression"),
                              ("[[rules]]\nlabel = 'x'\nany = '!!'\n", "has no word"), ("x = [\n", "r.toml:")]:
            with self.subTest(rules):
                self.assert_refused(valence("data", "label", path, "--rules", self.file("r.toml", rules)), 3, needle)
        self.assert_refused(valence("data", "label", path, "--rules", self.file("r.json", '{"rules": [{"label": 1}]}')), 3,
                            "r.json")


class Convert(InTemporaryFolder):
    def test_csv_to_json_lines_and_back(self):
        content = 'id,text,label\n1,"a, ""b""\nc",x\n2,,y\n'
        path = self.file("in.csv", content)
        jsonl = self.folder / "out.jsonl"
        self.assertEqual(valence("data", "convert", path, "-o", jsonl).returncode, 0)
        self.assertEqual(json.loads(jsonl.read_text().splitlines()[0]), {"id": "1", "text": 'a, "b"\nc', "label": "x"})
        self.assertEqual(valence("data", "convert", jsonl, "-f", "csv").stdout.decode(), content)

    def test_output_is_compressed_by_its_suffix(self):
        plain = "text,label\n" + "".join(f"row {i} of some,{i % 3}\n" for i in range(200_000))  # more than one flush
        source = self.file("in.csv", plain)
        for name in ("out.csv.gz", "OUT.CSV.GZ"):
            result = valence("data", "convert", source, "-o", self.folder / name)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
            packed = (self.folder / name).read_bytes()
            self.assertEqual(gzip.decompress(packed).decode(), plain)
            self.assertLess(len(packed), len(plain) / 3)
        result = valence("data", "convert", source, "-o", self.folder / "out.jsonl.zst")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual((self.folder / "out.jsonl.zst").read_bytes()[:4], b"\x28\xb5\x2f\xfd")  # RFC 8878
        back = valence("data", "convert", self.folder / "out.jsonl.zst", "-f", "csv")
        self.assertEqual(back.stdout.decode(), plain)
        self.assertEqual({path.name for path in self.folder.iterdir() if path.is_file()},
                         {"in.csv", "out.csv.gz", "OUT.CSV.GZ", "out.jsonl.zst"})
        report = self.folder / "report.csv.gz"
        result = valence("data", "clean", self.file("two.csv", "text\na b\na b\n"), "-o", self.folder / "clean.csv.gz",
                         "--report", report)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(gzip.decompress((self.folder / "clean.csv.gz").read_bytes()), b"text\na b\n")
        self.assertIn(b"duplicate", gzip.decompress(report.read_bytes()))

    def test_no_text_column_is_needed(self):
        result = valence("data", "convert", self.file("in.csv", "a;b\n1;2\n"), "-f", "tsv")
        self.assertEqual(result.stdout, b"a\tb\n1\t2\n")

    def test_an_empty_cell_alone_is_still_a_row(self):
        result = valence("data", "convert", self.file("in.jsonl", '{"text": "a"}\n{"text": ""}\n'), "-f", "csv")
        self.assertEqual(result.stdout, b'text\na\n""\n')

    def test_fields_without_a_column_are_told(self):
        result = valence("data", "convert", self.file("in.jsonl", '{"a": 1}\n{"a": 2, "b": 3}\n'), "-f", "csv")
        self.assertEqual((result.returncode, result.stdout), (1, b"a\n1\n2\n"))
        self.assertIn(b"1 rows had fields that no column holds", result.stderr)

    def test_bad_rows_are_left_out_and_told(self):
        result = valence("data", "convert", self.file("in.csv", "a,b\n1,2\n3\n"), "-f", "csv")
        self.assertEqual((result.returncode, result.stdout), (1, b"a,b\n1,2\n"))
        self.assertIn(b"in.csv:3", result.stderr)


class Stats(InTemporaryFolder):
    def test_counts(self):
        content = "text,label\ngood one,a\ngood one,b\nGood  one,a\n,a\nПривет мир,a\n"
        stats = summary(valence("data", "stats", self.file("in.csv", content), "--json"))
        self.assertEqual(stats["rows"], 5)
        self.assertEqual(stats["missing"], {"text": 1, "label": 0})
        self.assertEqual((stats["duplicates"], stats["near_duplicates"], stats["label_conflicts"]), (1, 1, 1))
        self.assertEqual(stats["labels"], {"a": 4, "b": 1})
        self.assertEqual(stats["scripts"], {"Latin": 3, "Cyrillic": 1})
        self.assertEqual(stats["words"]["longest"], 2)
        self.assertEqual(stats["tokens"]["median"], 4)  # [CLS] good one [SEP]

    def test_warnings(self):
        rows = "".join(f"text {i},Pos\n" for i in range(50)) + "a,neg\nb,negative\nc,pos\n"
        result = valence("data", "stats", self.file("in.csv", "text,label\n" + rows))
        message = result.stderr.decode()
        self.assertIn("imbalanced", message)
        self.assertIn("fewer than 8 rows", message)
        self.assertIn("--map-label", message)
        self.assertIn("differ from another by case", message)

    def test_bad_requests(self):
        self.assert_refused(valence("data", "stats", self.file("in.csv", "")), 3, "is empty")
        self.assert_refused(valence("data", "stats", self.file("in.csv", "a,b\n1,2\n")), 3, "usual name for texts", "a, b")
        self.assert_refused(valence("data", "stats", self.file("in.csv", "text\na\n"), "--label-column", "y"), 3, 'no column "y"')


if __name__ == "__main__":
    unittest.main()
