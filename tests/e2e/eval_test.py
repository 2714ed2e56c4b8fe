"""`valence eval`: figures against plain Python over what classify says of the same rows."""
import csv
import html.parser
import json
import math
import random
import unittest

from eval_support import Evaluating, float32, random_texts
from support import lines, valence


def f1_of(truth, predicted, label):
    hits = sum(t == label == p for t, p in zip(truth, predicted))
    either = truth.count(label) + predicted.count(label)
    return 2 * hits / either if either else 0.0


def p_of_mcnemar(first_only, second_only):
    """Exact: 2 * P(X <= smaller), X ~ Binomial(n, 1/2)."""
    n, smaller = first_only + second_only, min(first_only, second_only)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(smaller + 1)) / 2 ** n) if n else 1.0


class OneLabel(Evaluating):
    def setUp(self):
        super().setUp()
        self.labels = ["red", "green", "blue"]
        self.model = self.model_of("colours", self.labels)
        self.texts = random_texts(200)
        self.scores = self.answers(self.model, self.texts)
        self.predicted = [max(row, key=row.get) for row in self.scores]
        generator = random.Random(5)
        self.truth = [label if generator.random() < 0.7 else generator.choice(self.labels) for label in self.predicted]
        self.dev = self.data(zip(self.texts, self.truth))

    def test_a_row_is_answered_among_the_labels_it_was_labelled_among(self):
        """Half of the rows know no green: there the truth is compared with red and blue, renormalised."""
        choices = [["red", "blue"] if i % 2 and t != "green" else self.labels for i, t in enumerate(self.truth)]
        rows = [(text, truth, "" if len(chosen) == 3 else "|".join(chosen))
                for text, truth, chosen in zip(self.texts, self.truth, choices)]
        dev = self.data(rows, "choices.csv", ("text", "label", "among"))
        report = self.evaluated(dev, "-m", self.model, "--bootstrap", "0", "--choices-column", "among")
        among = [{label: row[label] / sum(row[c] for c in chosen) for label in chosen}
                 for row, chosen in zip(self.scores, choices)]
        right = sum(max(row, key=row.get) == t for row, t in zip(among, self.truth))
        self.assertEqual(report["figures"]["accuracy"]["value"], right / 200)
        loss = sum(-math.log(row[t]) for row, t in zip(among, self.truth)) / 200
        self.assertAlmostEqual(report["figures"]["log_loss"]["value"], loss, 5)
        refused = valence("eval", self.data([("red", "green", "red|blue")], "no.csv", ("text", "label", "among")), "-m",
                          self.model, "--choices-column", "among")
        self.assertEqual(refused.returncode, 3)
        self.assertIn('no.csv:2: the row\'s label "green" is not among its choices "red|blue"', refused.stderr.decode())

    def test_figures_are_those_of_what_classify_says(self):
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "50")
        figures = {name: figure["value"] for name, figure in report["figures"].items()}
        right = sum(t == p for t, p in zip(self.truth, self.predicted))
        self.assertEqual(figures["accuracy"], right / 200)
        f1 = {label: f1_of(self.truth, self.predicted, label) for label in self.labels}
        self.assertAlmostEqual(figures["macro_f1"], sum(f1.values()) / 3, 12)
        self.assertAlmostEqual(figures["weighted_f1"], sum(f1[t] for t in self.truth) / 200, 12)
        loss = sum(-math.log(row[t]) for row, t in zip(self.scores, self.truth)) / 200
        self.assertAlmostEqual(figures["log_loss"], loss, 5)
        for row, label in zip(report["labels"], self.labels):
            self.assertEqual((row["label"], row["rows"], row["predicted"]),
                             (label, self.truth.count(label), self.predicted.count(label)))
            self.assertAlmostEqual(row["f1"], f1[label], 12)
        expected = [[sum(t == a and p == b for t, p in zip(self.truth, self.predicted)) for b in self.labels]
                    for a in self.labels]
        self.assertEqual(report["confusion"], expected)
        low, high = report["figures"]["accuracy"]["interval_95"]
        self.assertLess(low, right / 200)
        self.assertGreater(high, right / 200)

    def test_calibration_error_is_the_weighted_gap_of_15_bins(self):
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0")
        bins = {}
        for row, t, p in zip(self.scores, self.truth, self.predicted):
            bins.setdefault(math.ceil(row[p] * 15), []).append((row[p], t == p))
        expected = sum(abs(sum(right for _, right in rows) - sum(score for score, _ in rows)) for rows in bins.values())
        self.assertAlmostEqual(report["calibration"]["ece"], expected / 200, 6)
        self.assertNotIn("interval_95", report["figures"]["accuracy"])

    def test_mistakes_come_worst_first_by_loss(self):
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0")
        wrong = [(row[t], index) for index, (row, t, p) in enumerate(zip(self.scores, self.truth, self.predicted))
                 if t != p]
        self.assertEqual(report["mistakes"], len(wrong))
        score, index = min(wrong)
        worst = report["worst_mistakes"][0]
        self.assertEqual((worst["place"].split(":")[-1], worst["label"]), (str(index + 2), self.truth[index]))
        self.assertAlmostEqual(worst["loss"], -math.log(score), 5)
        # A row that the model is surest is wrong leads the suspects: the lowest margin among the confident.
        first = report["worst_label_suspects"][0]
        self.assertTrue(first["is_confident"])
        self.assertLess(first["margin"], 0)

    def test_label_errors_are_a_file_of_all_suspects(self):
        path = self.folder / "suspects.csv"
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0", "--label-errors", path)
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        margins = {}
        for index, (row, t) in enumerate(zip(self.scores, self.truth)):
            margin = row[t] - max(score for label, score in row.items() if label != t)
            if margin < 0:
                margins[str(index + 2)] = margin
        self.assertEqual(report["label_suspects"], len(rows))
        self.assertEqual({row["place"].split(":")[-1] for row in rows}, set(margins))
        for row in rows:
            self.assertAlmostEqual(float(row["margin"]), margins[row["place"].split(":")[-1]], 5)
        order = [(row["confident"] == "no", float(row["margin"])) for row in rows]
        self.assertEqual(order, sorted(order))
        first = report["worst_label_suspects"][0]
        self.assertEqual((rows[0]["place"], rows[0]["suggested"]), (first["place"], first["suggested"]))
        self.assert_refused(valence("eval", self.dev, "-m", self.model, "--label-errors", self.folder / "suspects.pdf"), 2,
                            "tells no output format")

    def test_the_same_seed_draws_the_same_intervals(self):
        first = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "40", "--seed", "3")
        again = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "40", "--seed", "3")
        other = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "40", "--seed", "4")
        self.assertEqual(first["figures"], again["figures"])
        self.assertNotEqual(first["figures"], other["figures"])

    def test_slices_divide_the_rows(self):
        rows = [(text, label, "mail" if i % 3 else "=chat") for i, (text, label) in
                enumerate(zip(self.texts, self.truth))]
        dev = self.data(rows, header=("text", "label", "channel"))
        report = self.evaluated(dev, "-m", self.model, "--bootstrap", "0", "--slices", "channel")
        words, channel = report["slices"]
        self.assertEqual(words["column"], "words")
        self.assertEqual([row["value"] for row in words["values"]], ["0 to 4", "5 to 9", "10 to 19"])
        self.assertEqual(sum(row["rows"] for row in words["values"]), 200)
        chat = [i for i in range(200) if i % 3 == 0]
        value = {row["value"]: row for row in channel["values"]}["=chat"]
        self.assertEqual(value["rows"], len(chat))
        self.assertEqual(value["figures"]["accuracy"],
                         sum(self.truth[i] == self.predicted[i] for i in chat) / len(chat))
        refused = valence("eval", dev, "-m", self.model, "--slices", "chanel")
        self.assert_refused(refused, 3, "chanel", "channel")

    def test_a_gate_that_is_missed_ends_with_1(self):
        accuracy = sum(t == p for t, p in zip(self.truth, self.predicted)) / 200
        kept = valence("eval", self.dev, "-m", self.model, "--bootstrap", "0", "--fail-under",
                       f"accuracy={accuracy},log_loss=100")
        self.assertEqual(kept.returncode, 0, kept.stderr.decode())
        self.assertIn("passed: accuracy", kept.stdout.decode())
        missed = valence("eval", self.dev, "-m", self.model, "--bootstrap", "0", "--fail-under",
                         f"accuracy={accuracy + 0.001}")
        self.assertEqual(missed.returncode, 1)
        self.assertIn("MISSED: accuracy", missed.stdout.decode())
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0", "--fail-under", "log_loss=0.001", code=1)
        self.assertEqual([gate["passed"] for gate in report["gates"]], [False])
        self.assert_refused(valence("eval", self.dev, "-m", self.model, "--fail-under", "acuracy=0.9"), 2,
                            "did you mean accuracy?")

    def test_other_labels_are_refused_with_both_sides_and_the_mapping(self):
        dev = self.data([(text, {"red": "RED", "green": "g", "blue": "2"}[t]) for text, t in
                         zip(self.texts, self.truth)], "other.csv")
        refused = valence("eval", dev, "-m", self.model)
        self.assert_refused(refused, 3, '"RED"', '"green"', "--map-labels '")
        mapping = refused.stderr.decode().split("--map-labels '")[1].split("'")[0]
        self.assertEqual(set(mapping.split(",")), {"RED=red", "g=green", "2=blue"})
        report = self.evaluated(dev, "-m", self.model, "--bootstrap", "0", "--map-labels", mapping)
        self.assertEqual(report["figures"]["accuracy"]["value"],
                         sum(t == p for t, p in zip(self.truth, self.predicted)) / 200)
        self.assert_refused(valence("eval", dev, "-m", self.model, "--map-labels", "RED=crimson"), 2, "crimson")

    def test_two_models_are_compared_by_pairs(self):
        other = self.model_of("others", ["blue", "red", "green"])
        predicted = [max(row, key=row.get) for row in self.answers(other, self.texts)]
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "20", "--compare", other)
        comparison = report["comparison"]
        pairs = [(t == a, t == b) for t, a, b in zip(self.truth, self.predicted, predicted)]
        first_only, second_only = pairs.count((True, False)), pairs.count((False, True))
        self.assertEqual((comparison["only_first_right"], comparison["only_second_right"]), (first_only, second_only))
        self.assertEqual(comparison["figures"]["accuracy"], sum(b for _, b in pairs) / 200)
        self.assertAlmostEqual(comparison["differences"]["accuracy"]["value"], (first_only - second_only) / 200, 12)
        if first_only + second_only < 25:
            self.assertAlmostEqual(comparison["mcnemar"]["p_value"], p_of_mcnemar(first_only, second_only), 12)
        else:
            chi = (abs(first_only - second_only) - 1) ** 2 / (first_only + second_only)
            self.assertAlmostEqual(comparison["mcnemar"]["p_value"], math.erfc(math.sqrt(chi / 2)), 12)
        self.assertEqual(sum(map(sum, comparison["confusion"])), 200)
        third = self.model_of("pair", ["red", "green"])
        self.assert_refused(valence("eval", self.dev, "-m", self.model, "--compare", third), 2,
                            "--labels green,red")

    def test_training_rows_stand_beside(self):
        train = self.data(zip(self.texts, self.predicted), "train.csv")
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0", "--train-data", train)
        self.assertEqual(report["training"]["figures"]["accuracy"], 1)
        shown = valence("eval", self.dev, "-m", self.model, "--bootstrap", "0", "--train-data", train)
        self.assertIn("training rows 100.00 %", shown.stdout.decode())

    def test_thresholds_reach_the_wanted_precision_with_most_recall(self):
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0", "--target", "precision=0.6")
        for choice in report["thresholds"]["labels"]:
            label = choice["label"]
            cuts = sorted({row[label] for row in self.scores}, reverse=True)
            reached = []
            for cut in cuts:
                above = [t for row, t in zip(self.scores, self.truth) if row[label] >= cut]
                if above.count(label) / len(above) >= 0.6:
                    reached.append(above.count(label) / self.truth.count(label))
            if not reached:
                self.assertIsNone(choice["threshold"])
                continue
            self.assertAlmostEqual(choice["recall"], max(reached), 12)
            self.assertGreaterEqual(choice["precision"], 0.6)

    def test_labels_may_be_kept_to_a_few(self):
        dev = self.data([(text, t) for text, t in zip(self.texts, self.truth) if t != "blue"], "two.csv")
        texts = [text for text, t in zip(self.texts, self.truth) if t != "blue"]
        rows = self.answers(self.model, texts, "--labels", "red,green")
        truth = [t for t in self.truth if t != "blue"]
        report = self.evaluated(dev, "-m", self.model, "--bootstrap", "0", "--labels", "red,green")
        right = sum(max(row, key=row.get) == t for row, t in zip(rows, truth))
        self.assertEqual(report["figures"]["accuracy"]["value"], right / len(truth))
        self.assertEqual(len(report["labels"]), 2)

    def test_rows_that_cannot_be_used_are_told_and_left_out(self):
        dev = self.data([("good", "red"), ("", "red"), ("bad", ""), ("not", "blue")], "holes.csv")
        result = valence("eval", dev, "-m", self.model, "--json", "--bootstrap", "0")
        self.assertEqual(result.returncode, 1)
        report = json.loads(result.stdout)
        self.assertEqual((report["rows"], report["failed_rows"]), (2, 2))
        self.assertIn("holes.csv:3", result.stderr.decode())
        self.assertIn("holes.csv:4", result.stderr.decode())

    def test_bad_values_are_usage_errors(self):
        for option, value in (("--target", "precision"), ("--target", "f1=0.9"), ("--target", "recall=1.5"),
                              ("--bootstrap", "-1"), ("--bootstrap", "many"), ("--seed", "x"),
                              ("--fail-under", "accuracy"), ("--map-labels", "red")):
            with self.subTest(option=option, value=value):
                self.assert_refused(valence("eval", self.dev, "-m", self.model, option, value), 2, option)

    def test_table_shows_what_the_json_holds(self):
        result = valence("eval", self.dev, "-m", self.model, "--bootstrap", "30")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        text = result.stdout.decode()
        for part in ("accuracy", "95 % interval", "confusion: rows are the truth", "calibration: ECE", "words",
                     "mistakes, worst first by loss", "labels that may be wrong"):
            self.assertIn(part, text)


class Page(html.parser.HTMLParser):
    """Collects what a page is made of and checks that elements are closed in order."""
    VOID = {"meta", "rect", "line", "br"}

    def __init__(self):
        super().__init__()
        self.elements, self.attributes, self.words, self.open = set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes += attrs
        if tag not in self.VOID or tag == "rect":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        self.words.append(data)


class Report(Evaluating):
    def page(self, path):
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        self.assertEqual(page.open, [])
        return page

    def test_page_is_one_file_and_shows_texts_as_text(self):
        label = "<b>\"angry\" & 'sad'</b>"
        model = self.model_of("marks", [label, "calm"])
        attack = "good <script>alert(1)</script> <img src=x onerror=y> http://example.com \u202e not"
        dev = self.data([(attack, label), (attack + " bad", "calm"), ("good", label), ("bad", "calm")] * 30,
                        "<i>dev</i>.csv".replace("/", "_"))
        report = self.folder / "report.html"
        result = valence("eval", dev, "-m", model, "--bootstrap", "20", "--report", report, "--compare", model,
                         "--target", "recall=0.9")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        text = report.read_text(encoding="utf-8")
        page = self.page(report)
        self.assertNotIn("\u202e", text)
        self.assertTrue({"svg", "table", "style", "title"} <= page.elements)
        self.assertFalse({"script", "img", "b", "i", "link", "iframe"} & (page.elements - {"b"}))
        self.assertFalse([name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")])
        self.assertIn("default-src 'none'", text)
        self.assertNotIn("url(", text)
        self.assertTrue(any("<script>alert(1)</script>" in word for word in page.words))
        self.assertTrue(any(label in word for word in page.words))
        self.assertIn("prefers-color-scheme: dark", text)

    def test_a_page_that_cannot_be_written_is_an_error_of_files(self):
        dev = self.data([("good", "positive"), ("bad", "negative")])
        result = valence("eval", dev, "-m", self.model, "--report", self.folder / "no" / "report.html")
        self.assertEqual(result.returncode, 5, result.stderr.decode())

    def test_a_page_over_the_data_is_refused(self):
        dev = self.data([("good", "positive"), ("bad", "negative")])
        self.assert_refused(valence("eval", dev, "-m", self.model, "--report", dev), 2, "is also an input")
        self.assertTrue(dev.read_text().startswith("text,label"))


class LabelSets(Evaluating):
    def setUp(self):
        super().setUp()
        self.labels = ["joy", "anger", "fear"]
        self.model = self.model_of("feelings", self.labels, problem_type="multi_label_classification")
        self.texts = random_texts(150, seed=3)
        self.scores = self.answers(self.model, self.texts)
        generator = random.Random(9)
        self.truth = [{label for label in self.labels if (row[label] >= 0.5) != (generator.random() < 0.2)} or {"joy"}
                      for row in self.scores]
        self.dev = self.data((text, "|".join(sorted(labels))) for text, labels in zip(self.texts, self.truth))

    def test_figures_are_those_of_the_bits(self):
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "20")
        predicted = [{label for label in self.labels if row[label] >= 0.5} for row in self.scores]
        figures = {name: figure["value"] for name, figure in report["figures"].items()}
        self.assertEqual(figures["subset_accuracy"], sum(t == p for t, p in zip(self.truth, predicted)) / 150)
        wrong = sum(len(t ^ p) for t, p in zip(self.truth, predicted))
        self.assertAlmostEqual(figures["hamming_loss"], wrong / 450, 12)
        both = sum(len(t & p) for t, p in zip(self.truth, predicted))
        either = sum(len(t) + len(p) for t, p in zip(self.truth, predicted))
        self.assertAlmostEqual(figures["micro_f1"], 2 * both / either, 12)
        samples = sum(2 * len(t & p) / (len(t) + len(p)) if t or p else 0 for t, p in zip(self.truth, predicted))
        self.assertAlmostEqual(figures["samples_f1"], samples / 150, 12)

    def test_calibration_gives_every_label_its_threshold(self):
        result = valence("models", "calibrate", self.model, "--data", self.dev)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        stored = json.loads((self.model / "calibration.json").read_text())
        self.assertEqual((stored["function"], stored["labels"]), ("sigmoid", self.labels))
        scores = self.answers(self.model, self.texts)
        report = self.evaluated(self.dev, "-m", self.model, "--bootstrap", "0")
        for index, label in enumerate(self.labels):
            truth = [label in labels for labels in self.truth]
            best = max(f1_of(truth, [row[label] >= cut for row in scores], True) for cut in
                       {row[label] for row in scores})
            self.assertAlmostEqual(report["labels"][index]["f1"], best, 12)
        # classify --abstain answers with a label that reaches its threshold, or with none
        path = self.file("texts.txt", "\n".join(self.texts) + "\n")
        rows = lines(valence("classify", "-m", self.model, path, "-f", "jsonl", "--abstain"))
        for row, given in zip(rows, scores):
            reached = [label for label, threshold in zip(self.labels, stored["label_thresholds"])
                       if given[label] >= threshold]
            self.assertEqual(row["label"], max(reached, key=given.get) if reached else "uncertain")
        self.assert_refused(valence("models", "calibrate", self.model, "--data", self.dev, "--target-error", "0.05"), 2,
                            "--target-error")


class Numbers(Evaluating):
    def test_figures_are_those_of_the_numbers(self):
        model = self.model_of("stars", ["LABEL_0"], problem_type="regression", num_labels=1)
        texts = random_texts(60, seed=4)
        values = [float32(row["LABEL_0"]) for row in self.answers(model, texts)]
        generator = random.Random(2)
        truth = [round(value + generator.gauss(0, 0.3), 3) for value in values]
        dev = self.data(list(zip(texts, truth)) + [("good", "many")])
        report = self.evaluated(dev, "-m", model, "--bootstrap", "20", code=1)
        figures = {name: figure["value"] for name, figure in report["figures"].items()}
        squared = [(t - v) ** 2 for t, v in zip(truth, values)]
        mean = sum(truth) / 60
        self.assertAlmostEqual(figures["mean_squared_error"], sum(squared) / 60, 9)
        self.assertAlmostEqual(figures["r2"], 1 - sum(squared) / sum((t - mean) ** 2 for t in truth), 9)
        self.assertEqual(report["failed_rows"], 1)
        self.assert_refused(valence("models", "calibrate", model, "--data", dev), 2, "nothing to calibrate")


if __name__ == "__main__":
    unittest.main()
