"""`valence classify` with pairs, labels of one's own, and models that label tokens."""
import csv
import io
import json
import random
import unittest

from support import InTemporaryFolder, lines, safetensors, tensors_of, valence, write_tiny_model


class Pairs(InTemporaryFolder):
    def test_literal_pairs_and_columns_of_files_give_the_same_scores(self):
        literal = lines(self.classify("-t", "good", "--text-pair", "not bad", "-t", "bad", "--text-pair", "a"))
        self.assertEqual([row["text_pair"] for row in literal], ["not bad", "a"])
        table = self.file("a.csv", "premise,claim\ngood,not bad\nbad,a\n")
        rows = lines(self.classify(table, "--text-column", "premise", "--text-pair-column", "claim", "-f", "jsonl"))
        self.assertEqual([row["score"] for row in rows], [row["score"] for row in literal])
        objects = self.file("a.jsonl", '{"p":{"a":"good","b":"not bad"}}\n{"p":{"a":"bad","b":"a"}}\n')
        rows = lines(self.classify(objects, "--text-column", "p.a", "--text-pair-column", "p.b"))
        self.assertEqual([row["score"] for row in rows], [row["score"] for row in literal])

    def test_the_second_text_counts_and_so_does_the_order(self):
        rows = lines(self.classify("-t", "good", "--text-pair", "bad", "-t", "bad", "--text-pair", "good",
                                   "-t", "good", "--text-pair", "", "--top-k", "all"))
        self.assertEqual(len({json.dumps(row["scores"]) for row in rows}), 3)

    def test_long_pairs_are_cut_or_refused_in_their_place(self):
        args = ("-t", "good " * 90, "--text-pair", "bad " * 90)
        self.assertTrue(lines(self.classify(*args))[0]["truncated"])
        for how in ("error", "window"):
            result = self.classify(*args, "--on-long", how)
            self.assertEqual(result.returncode, 1)
            self.assertIn("tokens", lines(result)[0]["error"])

    def test_what_does_not_fit_together_is_refused(self):
        self.assert_refused(self.classify("-t", "a", "-t", "b", "--text-pair", "c"), 2, "--text-pair")
        self.assert_refused(self.classify("-t", "a", "--text-pair-column", "c"), 2, "--text-pair-column")
        table = self.file("a.csv", "text,claim\na,b\n")
        self.assert_refused(self.classify(table, "--text-pair-column", "claims"), 3, "claims", "text, claim")
        self.assert_refused(self.classify("-", "--text-pair-column", "c", stdin=b"a\n"), 2, "pairs come from")


class ZeroShot(InTemporaryFolder):
    def setUp(self):
        super().setUp()
        self.nli = write_tiny_model(self.folder / "nli", id2label={"0": "contradiction", "1": "Entailment"},
                                    label2id={"contradiction": 0, "Entailment": 1})

    def zero_shot(self, *args, **kwargs):
        return valence("classify", "-m", self.nli, *args, **kwargs)

    def test_labels_come_as_any_others(self):
        for form in ("jsonl", "csv", "json", "table"):
            result = self.zero_shot("-t", "good", "--zero-shot", "refund, bug,praise", "--top-k", "all", "-f", form)
            self.assertEqual(result.returncode, 0, result.stderr)
            for label in (b"refund", b"bug", b"praise"):
                self.assertIn(label, result.stdout)
        row = lines(self.zero_shot("-t", "good", "--zero-shot", "refund, bug", "--top-k", "all", "-f", "jsonl"))[0]
        self.assertAlmostEqual(sum(each["score"] for each in row["scores"]), 1.0, places=5)

    def test_multi_label_scores_do_not_depend_on_the_others(self):
        def score(labels):
            row = lines(self.zero_shot("-t", "good", "--zero-shot", labels, "--multi-label", "--top-k", "all"))[0]
            return {each["label"]: each["score"] for each in row["scores"]}["bug"]
        self.assertEqual(score("bug"), score("refund, bug, praise"))

    def test_mistakes_are_named(self):
        self.assert_refused(self.classify("-t", "a", "--zero-shot", "x"), 2, "entailment", "negative, positive")
        self.assert_refused(self.zero_shot("-t", "a", "--zero-shot", "x, x"), 2, "twice")
        self.assert_refused(self.zero_shot("-t", "a", "--zero-shot", " , "), 2, "no label")
        self.assert_refused(self.zero_shot("-t", "a", "--zero-shot", "x", "--hypothesis-template", "none"), 2, "{}")
        self.assert_refused(self.zero_shot("-t", "a", "--multi-label"), 2, "--zero-shot")
        self.assert_refused(self.zero_shot("-t", "a", "--zero-shot", "x", "--labels", "x"), 2, "--labels")
        result = self.zero_shot("-t", "", "--zero-shot", "x")
        self.assertIn("empty", lines(result)[0]["error"])


class Tokens(InTemporaryFolder):
    def setUp(self):
        super().setUp()
        tags = {"0": "O", "1": "B-PER", "2": "I-PER"}
        self.tagger = write_tiny_model(self.folder / "tagger", architectures=["BertForTokenClassification"],
                                       id2label=tags, label2id={tag: int(i) for i, tag in tags.items()})
        config = json.loads((self.tagger / "config.json").read_text())
        tensors = {name: value for name, value in tensors_of(config, random.Random(3)).items() if "pooler" not in name}
        (self.tagger / "model.safetensors").write_bytes(safetensors(tensors))

    def tag(self, *args, **kwargs):
        return valence("classify", "-m", self.tagger, *args, **kwargs)

    def test_every_format_has_entities_in_place_of_a_label(self):
        text = "good 😀 bad not the a film"
        (row,) = lines(self.tag("-t", text, "-f", "jsonl"))
        self.assertNotIn("label", row)
        self.assertTrue(row["entities"])
        for entity in row["entities"]:
            self.assertEqual(set(entity), {"entity", "score", "index", "word", "start", "end"})
            self.assertEqual(text[entity["start"]:entity["end"]], entity["word"].replace("##", ""))
        self.assertEqual(json.loads(self.tag("-t", text, "-f", "json").stdout), [row["entities"]])
        (cells,) = csv.DictReader(io.StringIO(self.tag("-t", text, "-f", "csv").stdout.decode()))
        self.assertEqual(json.loads(cells["entities"]), row["entities"])
        self.assertEqual(list(cells), ["text", "entities", "truncated", "error"])
        self.assertIn(row["entities"][0]["word"], self.tag("-t", text, "-f", "table").stdout.decode())

    def test_groups_have_their_own_key(self):
        (row,) = lines(self.tag("-t", "good bad not the a", "--aggregation-strategy", "simple"))
        for entity in row["entities"]:
            self.assertEqual(set(entity), {"entity_group", "score", "word", "start", "end"})

    def test_what_a_tagger_cannot_do_is_refused(self):
        for args in (("--zero-shot", "x"), ("--labels", "O"), ("--function", "none"), ("--on-long", "window")):
            self.assert_refused(self.tag("-t", "a", *args), 2, args[0])
        self.assert_refused(self.classify("-t", "a", "--aggregation-strategy", "max"), 2, "tokens")
        self.assert_refused(self.tag("-t", "a", "--aggregation-strategy", "best"), 2, "simple")
        self.assertIn("pair", lines(self.tag("-t", "a", "--text-pair", "b"))[0]["error"])


if __name__ == "__main__":
    unittest.main()
