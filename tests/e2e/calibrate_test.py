"""`valence models calibrate`: scores and abstention against plain Python over what classify says of the same rows."""
import json
import math
import os
import random
import unittest

from eval_support import Evaluating, random_texts, softmax
from support import lines, valence


class Calibrating(Evaluating):
    def setUp(self):
        super().setUp()
        self.model = self.model_of("colours", ["red", "green", "blue"])
        self.texts = random_texts(400, seed=6)
        self.logits = self.answers(self.model, self.texts, "--function", "none")
        generator = random.Random(8)
        # Labels drawn from the scores at temperature 0.1: the model is far from sure enough of itself.
        self.truth = [generator.choices(list(row), softmax(list(row.values()), 0.1))[0] for row in self.logits]
        self.dev = self.data(zip(self.texts, self.truth))

    def calibrate(self, *args):
        return valence("models", "calibrate", self.model, "--data", self.dev, *args)

    def test_scores_become_those_of_the_fitted_temperature_and_only_then(self):
        before = self.answers(self.model, self.texts)
        result = self.calibrate("--target-error", "0.2")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        stored = json.loads((self.model / "calibration.json").read_text())
        temperature = stored["temperature"]
        losses = {t: sum(-math.log(softmax(list(row.values()), t)[list(row).index(truth)])
                         for row, truth in zip(self.logits, self.truth)) for t in
                  (temperature, temperature * 0.98, temperature * 1.02)}
        self.assertEqual(min(losses, key=losses.get), temperature)
        for row, given in zip(self.logits, self.answers(self.model, self.texts)):
            for label, expected in zip(row, softmax(list(row.values()), temperature)):
                self.assertAlmostEqual(given[label], expected, 6)
        self.assertEqual(self.answers(self.model, self.texts, "--no-calibration"), before)
        self.assertEqual(self.answers(self.model, self.texts, "--function", "none"), self.logits)
        self.assertEqual(stored["evidence"]["data"], "dev.csv")
        held_out = stored["evidence"]["held_out"]
        self.assertLess(held_out["ece_after"], held_out["ece_before"])

    def test_abstention_answers_what_reaches_the_stored_threshold(self):
        self.assertEqual(self.calibrate("--target-error", "0.2").returncode, 0)
        rule = json.loads((self.model / "calibration.json").read_text())["abstention"]
        path = self.file("texts.txt", "\n".join(self.texts) + "\n")
        rows = lines(valence("classify", "-m", self.model, path, "-f", "jsonl", "--abstain"))
        answered = [(row["label"], t) for row, t in zip(rows, self.truth) if row["label"] != "uncertain"]
        self.assertEqual(len(answered), rule["answered"])
        self.assertEqual(sum(label != t for label, t in answered), rule["errors"])
        self.assertTrue(all((row["label"] == "uncertain") == (row["score"] < rule["threshold"]) for row in rows))
        self.assertLessEqual(rule["errors"] / rule["answered"], rule["error_bound"])
        self.assertLessEqual(rule["error_bound"], 0.2)

    def test_a_target_that_cannot_be_kept_writes_nothing(self):
        result = self.calibrate("--target-error", "0.0001")
        self.assert_refused(result, 3, "nothing is written")
        self.assertFalse((self.model / "calibration.json").exists())

    def test_dry_run_writes_nothing(self):
        result = self.calibrate("--dry-run", "--json")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn("temperature", json.loads(result.stdout))
        self.assertFalse((self.model / "calibration.json").exists())

    def test_abstaining_without_a_calibration_is_refused(self):
        self.assert_refused(valence("classify", "-m", self.model, "-t", "good", "--abstain"), 2,
                            "models calibrate")

    def test_a_calibration_of_other_labels_or_damaged_is_refused(self):
        self.assertEqual(self.calibrate().returncode, 0)
        path = self.model / "calibration.json"
        stored = json.loads(path.read_text())
        for change in ({"labels": ["red", "green"]}, {"temperature": 0}, {"temperature": "hot"},
                       {"format_version": 2}, {"function": "tanh"}, {"label_thresholds": [0.5]}):
            with self.subTest(change=change):
                path.write_text(json.dumps({**stored, **change}))
                self.assert_refused(valence("classify", "-m", self.model, "-t", "good"), 3, "calibration.json")
                self.assertEqual(
                    valence("classify", "-m", self.model, "-t", "good", "--no-calibration").returncode, 0)
        path.write_text("{")
        self.assert_refused(valence("classify", "-m", self.model, "-t", "good"), 3, "calibration.json")

    def test_the_built_in_model_cannot_be_written(self):
        self.assert_refused(valence("models", "calibrate", "default", "--data", self.dev), 2, "built-in")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_directory_that_cannot_be_written_is_known_at_once(self):
        self.model.chmod(0o555)
        self.addCleanup(self.model.chmod, 0o755)
        self.assert_refused(self.calibrate(), 5, "cannot be written")


if __name__ == "__main__":
    unittest.main()
