"""What the built-in model promises in its card, measured through the program.

The floors are the project's bars, not the model's best day: they fail when a change breaks the model, its tokenizer or
the engine. Real data is read by path and is never part of the repository.
"""
import csv
import json
import os
import unittest
from pathlib import Path

from support import InTemporaryFolder, lines, valence

SHARED = Path(os.environ.get("VALENCE_SHARED_DIR", "../shared")) / "data"
DEFAULT_MODEL = Path(__file__).parents[2] / "models" / "default"
PLAIN = Path(__file__).parent.parent / "plain" / "plain_sentences.csv"


def labelled(path, *args):
    """(expected, predicted) for every row of a CSV that has a column `label`."""
    result = valence("classify", path, "-f", "jsonl", "--quiet", *args, timeout=600)
    assert result.returncode == 0, result.stderr.decode()
    return [(row["input.label"], row["label"]) for row in lines(result)]


def accuracy(pairs):
    return sum(expected == predicted for expected, predicted in pairs) / len(pairs)


def macro_recall(pairs):
    recalls = []
    for label in sorted({expected for expected, _ in pairs}):
        of_label = [pair for pair in pairs if pair[0] == label]
        recalls.append(accuracy(of_label))
    return sum(recalls) / len(recalls)


class PlainSentences(unittest.TestCase):
    def test_at_least_85_of_100_are_right(self):
        pairs = labelled(PLAIN)
        self.assertEqual(len(pairs), 100)
        self.assertGreaterEqual(sum(expected == predicted for expected, predicted in pairs), 85)

    def test_the_set_is_as_hard_as_it_must_be(self):
        with open(PLAIN, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        hard = [row for row in rows if row["kind"] in ("negation", "hedge", "contrast", "factual")]
        self.assertGreaterEqual(len(hard), 60)
        for label in ("negative", "neutral", "positive"):
            self.assertGreaterEqual(sum(row["label"] == label for row in rows), 25)


class Calibrated(unittest.TestCase):
    def test_it_abstains_below_the_threshold_that_was_fitted(self):
        with open(DEFAULT_MODEL / "calibration.json", encoding="utf-8") as file:
            threshold = json.load(file)["abstention"]["threshold"]
        texts = [argument for text in ("I love it.", "I hate it.", "It could be worse.", "Fine, I guess.", "Not bad for the price.")
                 for argument in ("-t", text)]
        sure = lines(valence("classify", *texts, "-f", "jsonl"))
        held = lines(valence("classify", *texts, "-f", "jsonl", "--abstain"))
        expected = [row["label"] if row["score"] >= threshold else "uncertain" for row in sure]
        self.assertEqual([row["label"] for row in held], expected)
        self.assertIn("uncertain", expected)
        self.assertNotEqual(set(expected), {"uncertain"})


@unittest.skipUnless(SHARED.is_dir(), f"no data sets at {SHARED}")
class DevSets(unittest.TestCase):
    """The floors are of the weights, in f32 arithmetic. int8, in which the model runs unless told otherwise, may cost half
    a point: which of the rows near a border it turns differs between instruction sets."""
    BINARY_LABELS = ("--labels", "negative,positive")
    MOST_LOSS = 0.005

    def hold(self, floor, measure, *arguments):
        self.assertGreaterEqual(measure(labelled(*arguments, "--precision", "fp32")), floor)
        self.assertGreaterEqual(measure(labelled(*arguments)), floor - self.MOST_LOSS)

    def test_sst2_as_tokenized_and_as_typed(self):
        for column in ("text", "text_natural"):
            with self.subTest(column=column):
                self.hold(0.895, accuracy, SHARED / "sst2/dev.csv", "--text-column", column, *self.BINARY_LABELS)

    def test_tweets(self):
        self.hold(0.73, macro_recall, SHARED / "tweet_sentiment/dev.csv")

    def test_customer_reviews(self):
        self.hold(0.89, accuracy, SHARED / "customer_reviews/dev.csv", *self.BINARY_LABELS)

    def test_uci_sentences(self):
        self.hold(0.95, accuracy, SHARED / "uci_sentences/dev.csv", *self.BINARY_LABELS)


@unittest.skipUnless(SHARED.is_dir(), f"no data sets at {SHARED}")
class SameAnswersOnRealText(InTemporaryFolder):
    def test_threads_batches_and_folding_change_no_bit(self):
        path = SHARED / "tweet_sentiment/dev.csv"
        reference = valence("classify", path, "--top-k", "all", "--threads", "1", "--quiet").stdout
        for args in (("--threads", "2"), ("--batch-tokens", "64"), ("--batch-tokens", "5000", "--fold", "off")):
            result = valence("classify", path, "--top-k", "all", "--quiet", *args)
            self.assertEqual(result.stdout, reference, args)


if __name__ == "__main__":
    unittest.main()
