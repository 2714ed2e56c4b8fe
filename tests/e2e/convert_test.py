"""`valence models convert`: every way there and back, and what other readers make of the files."""
import json
import struct
import unittest
from pathlib import Path

from support import InTemporaryFolder, has, lines, safetensors, valence

TEXTS = ["good", "the bad not goodly !", "a b c d e f g h i j k l m n o p"]
# The bar of a conversion to f32: largest difference over the largest logit.
F32_PARITY = 1e-4
Q8_PARITY = 0.2


class Converting(InTemporaryFolder):
    def convert(self, source, target, name, *options):
        out = self.folder / name
        result = valence("models", "convert", source, "--to", target, "-o", out, *options)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return out

    def logits(self, model, *options):
        texts = [word for text in TEXTS for word in ("-t", text)]
        result = valence("classify", "-m", model, *options, "--precision", "fp32", "--function", "none", "--top-k", "all", "-f",
                         "jsonl", *texts)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return [{score["label"]: score["score"] for score in line["scores"]} for line in lines(result)]

    def assert_close(self, found, expected, bar=F32_PARITY):
        largest = max(abs(value) for line in expected for value in line.values())
        for one, other in zip(found, expected):
            for label, value in other.items():
                self.assertLessEqual(abs(one[label] - value), bar * largest)

    def adapter(self):
        """Over the first query of the tiny model: B A is one column of ones and a row of thirds."""
        folder = self.folder / "adapter"
        folder.mkdir()
        hidden = json.loads((self.model / "config.json").read_text())["hidden_size"]
        module = "base_model.model.bert.encoder.layer.0.attention.self.query"
        tensors = {f"{module}.lora_A.weight": ([1, hidden], [1 / 3] * hidden),
                   f"{module}.lora_B.weight": ([hidden, 1], [1.0] * hidden)}
        (folder / "adapter_model.safetensors").write_bytes(safetensors(tensors))
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 1, "lora_alpha": 4}))
        return folder

    def test_merged_adapter_is_the_model_with_the_adapter(self):
        adapter = self.adapter()
        merged = self.convert(self.model, "safetensors", "merged", "--merge-adapter", adapter)
        expected = self.logits(self.model, "--adapter", adapter)
        self.assertEqual(self.logits(merged), expected)
        self.assertNotEqual(self.logits(self.model), expected)

    def test_every_format_and_back_gives_the_source_to_the_bit(self):
        expected = self.logits(self.model)
        onnx = self.convert(self.model, "onnx", "onnx")
        self.assertEqual(self.logits(onnx), expected)
        gguf = self.convert(onnx, "gguf", "model.gguf")
        self.assertEqual(self.logits(gguf), expected)
        back = self.convert(gguf, "safetensors", "back")
        self.assertEqual(self.logits(back), expected)

    def calibrated(self, model):
        texts = [word for text in TEXTS for word in ("-t", text)]
        result = valence("classify", "-m", model, "--precision", "fp32", "--top-k", "all", "-f", "jsonl", "--abstain", *texts)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return lines(result)

    def test_calibration_goes_along_into_every_format_and_back(self):
        plain = valence("classify", "-m", self.model, "-t", TEXTS[0], "-f", "jsonl", "--precision", "fp32")
        text = json.dumps({"format_version": 1, "function": "softmax", "labels": ["negative", "positive"],
                           "temperature": 2.5, "abstention": {
                               "threshold": 0.55, "target_error": 0.1, "confidence": 0.9, "error_bound": 0.09,
                               "rows": 500, "answered": 400, "errors": 30}, "evidence": {"data": "dev.csv"}})
        self.file("tiny/calibration.json", text)
        expected = self.calibrated(self.model)
        self.assertNotEqual(expected[0]["scores"], lines(plain)[0].get("scores"))
        onnx = self.convert(self.model, "onnx", "onnx")
        self.assertEqual(self.calibrated(onnx), expected)
        self.assertEqual(self.calibrated(onnx / "model.onnx"), expected)
        gguf = self.convert(onnx, "gguf", "model.gguf")
        self.assertEqual(self.calibrated(gguf), expected)
        back = self.convert(gguf, "safetensors", "back")
        self.assertEqual(self.calibrated(back), expected)
        self.assertEqual((back / "calibration.json").read_text(), text)
        merged = self.convert(self.model, "safetensors", "merged", "--merge-adapter", self.adapter())
        self.assertFalse((merged / "calibration.json").exists(), "it was fitted for other weights")

    def test_a_wrong_calibration_in_gguf_is_refused_by_its_key(self):
        gguf = self.convert(self.model, "gguf", "model.gguf")
        self.file("tiny/calibration.json", json.dumps({"format_version": 1, "function": "softmax", "temperature": 2.5,
                                                       "labels": ["negative", "positive"]}))
        calibrated = self.convert(self.model, "gguf", "calibrated.gguf").read_bytes()
        self.assertNotEqual(gguf.read_bytes(), calibrated)
        other = self.file("other.gguf", calibrated.replace(b'"temperature": 2.5', b'"temperature": -25'))
        self.assert_refused(valence("classify", "-m", other, "-t", "good"), 3, "other.gguf: valence.calibration.json",
                            "temperature", "out of range")
        self.assertEqual(valence("classify", "-m", other, "-t", "good", "--no-calibration").returncode, 0)

    def test_reduced_types_stay_near_the_source(self):
        expected = self.logits(self.model)
        for target, dtype in [("safetensors", "f16"), ("safetensors", "bf16"), ("onnx", "f16"), ("onnx", "q8_0"),
                              ("gguf", "f16"), ("gguf", "bf16"), ("gguf", "q8_0")]:
            name = f"{target}-{dtype}" + (".gguf" if target == "gguf" else "")
            self.assert_close(self.logits(self.convert(self.model, target, name, "--dtype", dtype)), expected, Q8_PARITY)

    def test_built_in_model_goes_out_in_every_format(self):
        expected = valence("classify", "-t", "This is wonderful", "-f", "jsonl")
        label = lines(expected)[0]["label"]
        for target, name in [("safetensors", "default"), ("onnx", "default-onnx"), ("gguf", "default.gguf")]:
            out = self.convert("default", target, name)
            result = valence("classify", "-m", out, "-t", "This is wonderful", "-f", "jsonl")
            self.assertEqual(lines(result)[0]["label"], label)

    def test_nothing_is_overwritten(self):
        (self.folder / "full").mkdir()
        self.file("full/file", "mine")
        self.assert_refused(valence("models", "convert", self.model, "--to", "onnx", "-o", self.folder / "full"), 2)
        there = self.file("there.gguf", "mine")
        self.assert_refused(valence("models", "convert", self.model, "--to", "gguf", "-o", there), 2, "there already")
        self.assertEqual(there.read_bytes(), b"mine")

    def test_dry_run_writes_nothing(self):
        before = sorted(self.folder.iterdir())
        result = valence("models", "convert", self.model, "--to", "onnx", "-o", self.folder / "out", "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(sorted(self.folder.iterdir()), before)

    def test_what_makes_no_sense_is_said(self):
        out = self.folder / "out"
        for options, needle in [(["--to", "pickle"], "--to"), (["--to", "onnx", "--dtype", "bf16"], "bf16"),
                                (["--to", "safetensors", "--dtype", "q8_0"], "models quantize"),
                                (["--to", "gguf"], ".gguf")]:
            self.assert_refused(valence("models", "convert", self.model, "-o", out, *options), 2, needle)
            self.assertFalse(out.exists())

    def test_only_the_result_is_left(self):
        before = set(self.folder.iterdir())
        out = self.convert(self.model, "gguf", "model.gguf")
        self.assertEqual(set(self.folder.iterdir()) - before, {out})

    @unittest.skipUnless(has("onnxruntime", "onnx", "numpy"), "onnxruntime, onnx and numpy are not installed")
    def test_onnxruntime_computes_the_same(self):
        import numpy
        import onnx
        import onnxruntime
        expected = self.logits(self.model)
        for dtype, bar in [("f32", F32_PARITY), ("f16", 1e-2), ("q8_0", Q8_PARITY)]:
            out = self.convert(self.model, "onnx", f"onnx-{dtype}", "--dtype", dtype) / "model.onnx"
            onnx.checker.check_model(str(out), full_check=True)
            session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
            ids = [self.ids(text) for text in TEXTS]
            width = max(map(len, ids))
            batch = {"input_ids": numpy.array([row + [0] * (width - len(row)) for row in ids]),
                     "attention_mask": numpy.array([[1] * len(row) + [0] * (width - len(row)) for row in ids]),
                     "token_type_ids": numpy.zeros((len(ids), width), dtype=numpy.int64)}
            logits, = session.run(["logits"], batch)
            self.assert_close([dict(zip(("negative", "positive"), map(float, row))) for row in logits], expected, bar)

    def ids(self, text):
        """The tiny model's WordPiece, for words that are in its vocabulary."""
        vocabulary = (self.model / "vocab.txt").read_text().split("\n")
        pieces = [piece for word in text.split() for piece in (["good", "##ly"] if word == "goodly" else [word])]
        return [vocabulary.index(piece) for piece in ["[CLS]", *pieces, "[SEP]"]]

    @unittest.skipUnless(has("transformers", "torch"), "transformers and torch are not installed")
    def test_transformers_computes_the_same(self):
        import torch
        from transformers import AutoModelForSequenceClassification
        expected = self.logits(self.model)
        gguf = self.convert(self.model, "gguf", "model.gguf")
        model = AutoModelForSequenceClassification.from_pretrained(self.convert(gguf, "safetensors", "back")).eval()
        found = []
        for text in TEXTS:
            with torch.no_grad():
                logits = model(torch.tensor([self.ids(text)])).logits[0].tolist()
            found.append({model.config.id2label[i]: value for i, value in enumerate(logits)})
        self.assert_close(found, expected)

    @unittest.skipUnless(has("gguf"), "gguf is not installed")
    def test_gguf_reads_all_tensors_and_keys(self):
        import gguf
        reader = gguf.GGUFReader(self.convert(self.model, "gguf", "model.gguf", "--dtype", "q8_0"))
        names = {tensor.name for tensor in reader.tensors}
        self.assertEqual(len(names), 5 + 2 * 16 + 4)
        self.assertLessEqual({"cls.weight", "cls.output.weight", "token_types.weight"}, names)
        labels = reader.fields["bert.classifier.output_labels"]
        self.assertEqual([bytes(labels.parts[i]).decode() for i in labels.data], ["negative", "positive"])

    def test_gguf_begins_as_the_format_says(self):
        image = self.convert(self.model, "gguf", "model.gguf").read_bytes()
        magic, version, tensors, _ = struct.unpack_from("<4sIQQ", image)
        self.assertEqual((magic, version, tensors), (b"GGUF", 3, 5 + 2 * 16 + 4))

    def test_configuration_says_the_type_of_the_weights(self):
        out = self.convert(self.model, "safetensors", "half", "--dtype", "f16")
        self.assertEqual(json.loads((out / "config.json").read_text())["dtype"], "float16")
        self.assertEqual((Path(out) / "vocab.txt").read_text(), (self.model / "vocab.txt").read_text())


if __name__ == "__main__":
    unittest.main()
