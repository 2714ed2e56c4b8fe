"""`valence models convert` to and from GGUF: every family that is read, and what gguf, transformers and llama.cpp say."""
import json
import math
import shutil
import unittest
from pathlib import Path

from support import InTemporaryFolder, has, lines, valence

GOLDENS = Path(__file__).resolve().parent.parent / "parity" / "data" / "gguf"
# Made by PyPI's gguf (tools/make_gguf_goldens.py): each architecture and kind of vocabulary, in many types of weights.
FAMILIES = sorted(path.stem for path in GOLDENS.glob("*.gguf"))
TEXTS = ["The film was unbelievably good!", "bad, bad films", "Café 中 don't 1234", "  "]
F32_PARITY = 1e-4
LLAMA_CPP_PARITY = 2e-3
# What other types of weights may cost these tiny random models; each is checked by the command itself as well.
BARS = {"f16": 1e-2, "bf16": 1e-1, "q8_0": 2e-1}
# What the goldens' writer, or the model they were made of, has and a conversion cannot know.
OTHER_KEYS = {"general.name", "general.file_type", "GGUF.kv_count", "tokenizer.ggml.scores"}


class Converting(InTemporaryFolder):
    def convert(self, source, target, name, *options):
        out = self.folder / name
        result = valence("models", "convert", source, "--to", target, "-o", out, *options)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.notes = result.stderr.decode()
        return out

    def scores(self, model, function="none", texts=tuple(TEXTS)):
        words = [word for text in texts for word in ("-t", text)]
        result = valence("classify", "-m", model, "--precision", "fp32", "--function", function, "--top-k", "all", "-f",
                         "jsonl", *words)
        return [{score["label"]: score["score"] for score in line.get("scores", [])} for line in lines(result)]

    def assert_close(self, found, expected, bar=F32_PARITY):
        largest = max(abs(value) for line in expected for value in line.values())
        for one, other in zip(found, expected, strict=True):
            self.assertEqual(one.keys(), other.keys())
            for label, value in other.items():
                self.assertLessEqual(abs(one[label] - value), bar * largest)

    def test_every_family_goes_to_safetensors_and_back(self):
        for name in FAMILIES:
            with self.subTest(name):
                expected = self.scores(GOLDENS / f"{name}.gguf")
                directory = self.convert(GOLDENS / f"{name}.gguf", "safetensors", name)
                self.assert_close(self.scores(directory), expected)
                again = self.convert(directory, "gguf", f"{name}.gguf")
                self.assertNotIn("other tokens", self.notes)
                self.assert_close(self.scores(again), expected)

    def test_every_type_of_weights_stays_near(self):
        for name in ["roberta_f16", "modern_bert_f32", "qwen3_bf16"]:
            expected = self.scores(GOLDENS / f"{name}.gguf")
            for dtype, bar in BARS.items():
                with self.subTest(f"{name} {dtype}"):
                    out = self.convert(GOLDENS / f"{name}.gguf", "gguf", f"{name}.{dtype}.gguf", "--dtype", dtype)
                    self.assert_close(self.scores(out), expected, bar)

    def test_labels_and_kind_of_problem_are_kept(self):
        config = json.loads((self.model / "config.json").read_text())
        labels = [f"label {letter}" for letter in "ba"]
        config["id2label"], config["label2id"] = dict(enumerate(labels)), {label: i for i, label in enumerate(labels)}
        config["problem_type"] = "multi_label_classification"
        (self.model / "config.json").write_text(json.dumps(config))
        back = self.convert(self.convert(self.model, "gguf", "m.gguf"), "safetensors", "back")
        written = json.loads((back / "config.json").read_text())
        self.assertEqual(written["id2label"], {"0": "label b", "1": "label a"})
        self.assertEqual(written["problem_type"], "multi_label_classification")

    def test_what_gguf_has_no_words_for_is_refused(self):
        config = json.loads((self.model / "config.json").read_text())
        config["architectures"] = ["BertForTokenClassification"]
        (self.model / "config.json").write_text(json.dumps(config))
        out = self.folder / "m.gguf"
        self.assert_refused(valence("models", "convert", self.model, "--to", "gguf", "-o", out), 2, "token")
        self.assertFalse(out.exists())

    def test_a_tokenizer_that_gguf_cannot_tell_is_named(self):
        """Cutting words at a pattern of its own: read back through tokenizer.huggingface.json, and told of."""
        directory = self.convert(GOLDENS / "qwen2_q4_1.gguf", "safetensors", "qwen2")
        tokenizer = json.loads((directory / "tokenizer.json").read_text())
        tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\p{L}+|\P{L}+"
        (directory / "tokenizer.json").write_text(json.dumps(tokenizer))
        expected = self.scores(directory)
        out = self.convert(directory, "gguf", "own.gguf")
        self.assertIn("other tokens", self.notes)
        self.assert_close(self.scores(out), expected)

    def test_force_replaces_a_file_or_a_model_directory_once_the_new_one_is_whole(self):
        there = self.file("there.gguf", "mine")
        self.assert_refused(valence("models", "convert", self.model, "--to", "gguf", "-o", there), 2, "--force")
        self.assertEqual(there.read_bytes(), b"mine")
        self.convert(self.model, "gguf", "there.gguf", "--force")
        self.assertEqual(there.read_bytes()[:4], b"GGUF")
        old = self.folder / "old"
        shutil.copytree(self.model, old)
        (old / "notes.txt").write_text("of the old model")
        self.assert_refused(valence("models", "convert", there, "--to", "safetensors", "-o", old), 2, "--force")
        expected = self.scores(self.model)
        self.convert(there, "safetensors", "old", "--force")
        self.assertFalse((old / "notes.txt").exists())
        self.assertTrue((old / "tokenizer.json").exists())
        self.assert_close(self.scores(old), expected)
        self.assertEqual(sorted(self.folder.iterdir()), sorted([self.model, there, old]))

    def test_a_model_may_take_its_own_place(self):
        expected = self.scores(self.model)
        self.convert(self.model, "safetensors", "tiny", "--dtype", "f16", "--force")
        self.assert_close(self.scores(self.model), expected, BARS["f16"])

    def test_force_replaces_nothing_but_models(self):
        (self.folder / "photos").mkdir()
        photo = self.file("photos/one.jpg", "mine")
        nested = self.folder / "nested"
        shutil.copytree(self.model, nested)
        (nested / "more").mkdir()
        for target, needle in [(photo.parent, "config.json"), (nested, "more")]:
            result = valence("models", "convert", self.model, "--to", "safetensors", "-o", target, "--force")
            self.assert_refused(result, 2, needle)
        self.assertTrue(photo.exists() and (nested / "more").is_dir() and (nested / "model.safetensors").exists())

    def test_a_conversion_that_fails_leaves_what_was_there(self):
        there = self.file("there.gguf", "mine")
        config = json.loads((self.model / "config.json").read_text())
        config["num_hidden_layers"] = 3
        (self.model / "config.json").write_text(json.dumps(config))
        result = valence("models", "convert", self.model, "--to", "gguf", "-o", there, "--force")
        self.assert_refused(result, 3, "missing")
        self.assertEqual(there.read_bytes(), b"mine")

    @unittest.skipUnless(has("gguf", "numpy"), "gguf and numpy are not installed")
    def test_gguf_reads_the_tensors_and_keys_that_its_own_writer_made(self):
        import gguf
        import numpy

        def read(path):
            reader = gguf.GGUFReader(path)
            fields = {key: field.contents() for key, field in reader.fields.items()}
            tensors = {tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(-1)
                       for tensor in reader.tensors}
            return fields, tensors

        for name in FAMILIES:
            with self.subTest(name):
                expected_fields, expected = read(GOLDENS / f"{name}.gguf")
                fields, found = read(self.convert(GOLDENS / f"{name}.gguf", "gguf", f"{name}.gguf"))
                self.assertEqual(found.keys(), expected.keys())
                for tensor, values in expected.items():
                    numpy.testing.assert_allclose(found[tensor], values, rtol=1e-6, err_msg=tensor)
                for key, value in expected_fields.items():
                    if key not in OTHER_KEYS and not key.startswith(("GGUF.", "general.")) and key in fields:
                        self.assertEqual(fields[key], value, key)
                        continue
                    self.assertIn(key, fields.keys() | OTHER_KEYS | set(self.implied(key)), key)

    def implied(self, key):
        """Keys that say what their absence says too."""
        return [key] if key.endswith(("rope.scaling.type", "add_sep_token", "add_space_prefix",
                                      "remove_extra_whitespaces")) else []

    @unittest.skipUnless(has("gguf", "numpy"), "gguf and numpy are not installed")
    def test_gguf_dequantises_what_is_written_in_every_type(self):
        import gguf
        import numpy
        f32 = {tensor.name: tensor.data for tensor in gguf.GGUFReader(
            self.convert(GOLDENS / "llama_f32.gguf", "gguf", "f32.gguf")).tensors}
        for dtype, bar in [("f16", 1e-3), ("bf16", 8e-3), ("q8_0", 8e-3)]:
            path = self.convert(GOLDENS / "llama_f32.gguf", "gguf", f"{dtype}.gguf", "--dtype", dtype)
            types = set()
            for tensor in gguf.GGUFReader(path).tensors:
                types.add(tensor.tensor_type.name)
                values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
                expected = f32[tensor.name].reshape(values.shape)
                self.assertLessEqual(numpy.abs(values - expected).max(), bar * numpy.abs(expected).max(), tensor.name)
            self.assertEqual(types, {"F32", dtype.upper()})

    @unittest.skipUnless(has("transformers", "torch"), "transformers and torch are not installed")
    def test_transformers_loads_every_family_with_the_logits_and_tokens_recorded(self):
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
        for name in FAMILIES:
            with self.subTest(name):
                golden = json.loads((GOLDENS / f"{name}.json").read_text())
                directory = self.convert(GOLDENS / f"{name}.gguf", "safetensors", name)
                tokenizer = AutoTokenizer.from_pretrained(directory)
                for text in golden["texts"]:
                    self.assertEqual(tokenizer(text["text"])["input_ids"], text["input_ids"])
                model, info = AutoModelForSequenceClassification.from_pretrained(directory, output_loading_info=True,
                                                                                 attn_implementation="eager")
                self.assertFalse(info["missing_keys"] or info["unexpected_keys"], info)
                largest = max(abs(value) for each in golden["sequences"] for value in each["logits"])
                for sequence in golden["sequences"]:
                    inputs = {key: torch.tensor([sequence[key]]) for key in ("input_ids", "token_type_ids")
                              if sequence.get(key)}
                    with torch.no_grad():
                        logits = model.eval()(**inputs).logits[0].tolist()
                    for one, other in zip(logits, sequence["logits"], strict=True):
                        self.assertLessEqual(abs(one - other), F32_PARITY * largest)

    @unittest.skipUnless(has("llama_cpp"), "llama_cpp (llama-cpp-python) is not installed")
    def test_llama_cpp_gives_the_scores_of_the_heads_that_it_knows(self):
        """BERT's and RoBERTa's to the bar, Qwen 3's after a softmax, ModernBERT's where it reads the mean."""
        modern = self.convert(GOLDENS / "modern_bert_f32.gguf", "safetensors", "modern")
        config = json.loads((modern / "config.json").read_text())
        (modern / "config.json").write_text(json.dumps({**config, "classifier_pooling": "mean"}))
        sources = {"bert": GOLDENS / "bert_f32.gguf", "roberta": GOLDENS / "roberta_f16.gguf",
                   "xlm-roberta": GOLDENS / "xlm_roberta_q8_0.gguf", "qwen3": GOLDENS / "qwen3_bf16.gguf",
                   "modern-bert": modern, "tiny": self.model}
        for name, source in sources.items():
            with self.subTest(name):
                path = self.convert(source, "gguf", f"{name}.gguf")
                texts = TEXTS[:2] if name != "tiny" else ["good not bad", "a goodly bad"]
                expected = self.scores(path, "softmax" if name == "qwen3" else "none", texts)
                self.assert_close(self.ranks(path, texts, sorted(expected[0])), expected, LLAMA_CPP_PARITY)

    def ranks(self, path, texts, labels):
        import llama_cpp
        model = llama_cpp.Llama(str(path), embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_RANK, n_ctx=64,
                                n_threads=1, verbose=False)
        metadata = model.metadata
        architecture = metadata["general.architecture"]
        self.assertIn(f"{architecture}.pooling_type", metadata)
        order = sorted(labels) if labels[0].startswith("LABEL") else ["negative", "neutral", "positive"][:3]
        if len(labels) == 2:
            order = ["negative", "positive"]
        found = []
        for text in texts:
            values = model.embed(text, normalize=False)
            self.assertTrue(all(map(math.isfinite, values[:len(order)])))
            found.append(dict(zip(order, values)))
        return found


if __name__ == "__main__":
    unittest.main()
