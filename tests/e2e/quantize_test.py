"""`valence models quantize`: what it measures, keeps, refuses and writes."""
import array
import csv
import json
import os
import random
import signal
import struct
import subprocess
import unittest
from pathlib import Path

from support import BINARY, VOCABULARY, InTemporaryFolder, lines, safetensors, tensors_of, valence, write_tiny_model

MODELS = Path(__file__).parent.parent.parent / "models"
PLAIN = Path(__file__).parent.parent / "plain" / "plain_sentences.csv"
WORDS = [word for word in VOCABULARY if word.isalpha() and len(word) > 1]


def read_safetensors(path):
    """name -> (dtype, shape, bytes), and the metadata."""
    image = Path(path).read_bytes()
    length, = struct.unpack_from("<Q", image)
    header = json.loads(image[8:8 + length])
    metadata = header.pop("__metadata__", {})
    body = image[8 + length:]
    return {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items()}, metadata


def random_texts(count, seed=1):
    generator = random.Random(seed)
    letters = [word for word in VOCABULARY if len(word) == 1 and word.isalpha()]
    return [" ".join(generator.choices(WORDS + letters, k=generator.randint(1, 12))) for _ in range(count)]


class Quantizing(InTemporaryFolder):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"

    def labelled_by(self, model, count=300):
        """A file whose labels are what the f32 model says: its accuracy is 100 %, and every flip is a loss."""
        texts = self.file("texts.txt", "\n".join(random_texts(count)) + "\n")
        rows = lines(valence("classify", "-m", model, texts, "-f", "jsonl", "--precision", "fp32"))
        return self.labelled([(row["text"], row["label"]) for row in rows])

    def labelled(self, rows, name="dev.csv"):
        path = self.folder / name
        with open(path, "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
        return path

    def quantize(self, *args, model=None, **kwargs):
        return valence("models", "quantize", model or self.model, *args, **kwargs)

    def damaged(self, folder, change):
        """A tiny model whose weights `change` has set so that f32 does not mind, but int8 does."""
        folder = write_tiny_model(self.folder / folder)
        config = json.loads((folder / "config.json").read_text())
        tensors = tensors_of(config, random.Random(7))
        change(tensors)
        (folder / "model.safetensors").write_bytes(safetensors(tensors))
        return folder

    def outlier_layer(self):
        """Layer 1's output has a huge weight behind a unit that is always off (GELU of -60 is 0): the scale of every
        row then leaves the other weights nothing."""
        def change(tensors):
            tensors["bert.encoder.layer.1.intermediate.dense.bias"][1][3] = -60.0
            weight = tensors["bert.encoder.layer.1.output.dense.weight"][1]
            for row in range(16):
                weight[row * 32 + 3] = 900.0
        return self.damaged("outlier", change)

    def outlier_head(self):
        """The same in the pooler, which no kept layer can help: its input 5 is always 0."""
        def change(tensors):
            for name in ("weight", "bias"):
                tensors["bert.encoder.layer.1.output.LayerNorm." + name][1][5] = 0.0
            weight = tensors["bert.pooler.dense.weight"][1]
            for row in range(16):
                weight[row * 16 + 5] = 900.0
        return self.damaged("head", change)


class Writing(Quantizing):
    def test_the_directory_is_complete_and_gives_the_measured_labels(self):
        data = self.labelled_by(self.model)
        result = self.quantize("--data", data, "-o", self.out, "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(sorted(path.name for path in self.out.iterdir()),
                         ["MODEL_CARD.md", "config.json", "model.safetensors", "quantization.json",
                          "tokenizer_config.json", "vocab.txt"])
        for name in ("config.json", "vocab.txt"):
            self.assertEqual((self.out / name).read_bytes(), (self.model / name).read_bytes())
        evidence = json.loads((self.out / "quantization.json").read_text())
        self.assertEqual(evidence["measured"]["f32"]["accuracy"], 100)
        rows = lines(valence("classify", "-m", self.out, data, "-f", "jsonl"))
        right = sum(row["input.label"] == row["label"] for row in rows)
        self.assertEqual(right, evidence["measured"]["int8"]["right"])
        self.assertFalse((self.folder / "out.partial").exists())

    def test_weights_are_int8_with_row_scales_within_half_a_step(self):
        result = self.quantize("--data", self.labelled_by(self.model), "-o", self.out, "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        source, _ = read_safetensors(self.model / "model.safetensors")
        stored, metadata = read_safetensors(self.out / "model.safetensors")
        self.assertEqual(metadata["source"], "tiny")
        self.assertIn("/300", metadata["accuracy_int8"])
        for name, (_, shape, data) in source.items():
            expected = array.array("f", data)
            dtype, stored_shape, values = stored.pop(name)
            self.assertEqual(stored_shape, shape)
            if len(shape) == 1:
                self.assertEqual((dtype, values), ("F32", data))
                continue
            self.assertEqual(dtype, "I8")
            scales = array.array("f", stored.pop(name + "_scale")[2])
            for index, (weight, quantised) in enumerate(zip(expected, array.array("b", values))):
                scale = scales[index // shape[1]]
                self.assertLessEqual(abs(weight - quantised * scale), 0.50002 * scale)
        self.assertEqual(stored, {})

    def test_texts_stay_out_of_what_is_passed_on(self):
        model = self.outlier_layer()
        data = self.labelled_by(model)
        result = self.quantize("--data", data, "-o", self.out, "--max-loss", "100", "--json", model=model)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertTrue(all(flip["text"] for flip in json.loads(result.stdout)["worst_flips"]))
        self.assertNotEqual(json.loads(result.stdout)["worst_flips"], [])
        for name in ("quantization.json", "MODEL_CARD.md"):
            self.assertNotIn('"text"', (self.out / name).read_text())
            self.assertNotIn(str(self.folder), (self.out / name).read_text())

    def test_an_empty_directory_keeps_its_permissions(self):
        self.out.mkdir(mode=0o700)
        result = self.quantize("--data", self.labelled_by(self.model), "-o", self.out, "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertTrue((self.out / "model.safetensors").exists())
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o700)

    def test_a_calibration_goes_along(self):
        calibration = self.file(self.model / "calibration.json", json.dumps(
            {"format_version": 1, "function": "softmax", "labels": ["negative", "positive"], "temperature": 3}))
        result = self.quantize("--data", self.labelled_by(self.model), "-o", self.out, "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual((self.out / "calibration.json").read_bytes(), calibration.read_bytes())

    def test_what_is_no_file_is_not_copied(self):
        (self.model / "LICENSE").mkdir()
        result = self.quantize("--data", self.labelled_by(self.model), "-o", self.out, "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertFalse((self.out / "LICENSE").exists())

    def test_the_card_tells_whole_cautions(self):
        result = self.quantize("--data", self.labelled([("good", "positive")]), "-o", self.out, "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        card = (self.out / "MODEL_CARD.md").read_text()
        cautions = [line.removeprefix("warning: ") for line in result.stderr.decode().splitlines()
                    if line.startswith("warning: ")]
        self.assertTrue(cautions)
        for caution in cautions:
            self.assertIn(caution, card.replace("\\", ""))

    def test_settings_come_from_the_environment_and_files(self):
        data = self.labelled_by(self.outlier_head())
        for env, name in (({"VALENCE_MODELS_QUANTIZE_MAX_LOSS": "100"}, "a"), ({}, "b")):
            config = self.file("settings.toml", "[models-quantize]\nmax-loss = 100\n")
            args = [] if env else ["--config", config]
            result = self.quantize("--data", data, "-o", self.folder / name, *args, model=self.folder / "head",
                                   env=dict(os.environ, **env))
            self.assertEqual(result.returncode, 0, result.stderr.decode())

    def test_dry_run_writes_nothing(self):
        before = sorted(self.folder.iterdir())
        data = self.labelled_by(self.model)
        result = self.quantize("--data", data, "--dry-run", "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn(b"labels equal on", result.stdout)
        self.assertEqual(sorted(set(self.folder.iterdir()) - set(before)),
                         [self.folder / "dev.csv", self.folder / "texts.txt"])

    def test_gguf_and_onnx_files_give_the_int8_model_of_their_directory(self):
        data = self.labelled_by(self.model)
        self.assertEqual(self.quantize("--data", data, "-o", self.out).returncode, 0)
        expected, _ = read_safetensors(self.out / "model.safetensors")
        for target, name in (("gguf", "model.gguf"), ("onnx", "onnx")):
            source, out = self.folder / name, self.folder / f"{target}-int8"
            self.assertEqual(valence("models", "convert", self.model, "--to", target, "-o", source).returncode, 0)
            result = self.quantize("--data", data, "-o", out, model=source)
            self.assertEqual(result.returncode, 0, result.stderr.decode())
            self.assertEqual(read_safetensors(out / "model.safetensors")[0], expected)
            self.assertIn(name, (out / "MODEL_CARD.md").read_text())
            dry = self.quantize("--data", data, "--dry-run", model=source)
            self.assertEqual(dry.returncode, 0, dry.stderr.decode())
            self.assertEqual(list(self.folder.glob("*.source*")), [])

    def test_the_built_in_models_weights_come_back_from_their_f32_form(self):
        source, _ = read_safetensors(MODELS / "default" / "model.safetensors")
        header, body = {}, []
        at = 0
        for name, (dtype, shape, data) in source.items():
            if name.endswith("_scale"):
                continue
            if dtype == "I8":
                values = array.array("f")
                scales = array.array("f", source[name + "_scale"][2])
                columns, quantised = shape[1], array.array("b", data)
                for row, scale in enumerate(scales):
                    values.extend(q * scale for q in quantised[row * columns:(row + 1) * columns])
                data = values.tobytes()
            header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
            at += len(data)
            body.append(data)
        model = self.folder / "f32"
        model.mkdir()
        text = json.dumps(header).encode()
        (model / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(body))
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (model / name).write_bytes((MODELS / "default" / name).read_bytes())
        result = self.quantize("--data", PLAIN, "-o", self.out, "--json", model=model, timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        found = json.loads(result.stdout)
        self.assertLess(found["size_bytes"]["int8"], 0.26 * found["size_bytes"]["source"])
        self.assertGreaterEqual(found["measured"]["labels_equal_percent"], 98)
        stored, _ = read_safetensors(self.out / "model.safetensors")
        for name, (dtype, shape, data) in source.items():
            self.assertEqual(stored[name][:2], (dtype, shape))
            if dtype == "I8":
                self.assertTrue(stored[name][2] == data, name)


class Keeping(Quantizing):
    def test_the_layer_that_int8_breaks_is_kept(self):
        model = self.outlier_layer()
        # Random weights put many rows near the border between labels, so that embeddings in int8 cost a point alone.
        result = self.quantize("--data", self.labelled_by(model), "-o", self.out, "--max-loss", "4", "--json",
                               model=model)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        found = json.loads(result.stdout)
        self.assertGreater(found["every_layer_int8"]["loss_points"], 4)
        self.assertLessEqual(found["measured"]["loss_points"], 4)
        self.assertEqual(found["search"][0]["kept"], 1)
        self.assertIn(1, found["kept_layers"])
        worst = max(found["sensitivity"]["parts"], key=lambda part: part["logit_error_percent"])
        self.assertEqual(worst["part"], "layer 1")
        stored, metadata = read_safetensors(self.out / "model.safetensors")
        self.assertEqual(stored["bert.encoder.layer.1.output.dense.weight"][0], "F16")
        self.assertEqual(metadata["kept_layers"], ",".join(map(str, found["kept_layers"])))

    def test_outliers_are_told_when_the_layer_stays_int8(self):
        model = self.outlier_layer()
        result = self.quantize("--data", self.labelled_by(model), "--dry-run", "--max-loss", "100", model=model)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertRegex(result.stderr.decode(), "warning: layer 1 alone in int8 moves the logits by .* outliers")

    def test_outliers_of_the_embeddings_are_not_those_of_the_layers(self):
        """A column of words that positions take back: the scale of every row leaves the other columns nothing."""
        def change(tensors):
            for table, sign in (("word", 1), ("position", -1)):
                shape, values = tensors[f"bert.embeddings.{table}_embeddings.weight"]
                for row in range(shape[0]):
                    values[row * shape[1] + 5] = sign * 900.0
        model = self.damaged("embeddings", change)
        result = self.quantize("--data", self.labelled_by(model), "--dry-run", "--max-loss", "100", "--json", model=model)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        errors = {part["part"]: part["logit_error_percent"] for part in json.loads(result.stdout)["sensitivity"]["parts"]}
        layers = [error for part, error in errors.items() if part.startswith("layer")]
        self.assertEqual(len(layers), 2)
        self.assertGreater(max(errors.values()), 10 * max(layers), errors)

    def test_a_missed_gate_writes_nothing_and_exits_with_1(self):
        model = self.outlier_head()
        result = self.quantize("--data", self.labelled_by(model), "-o", self.out, model=model)
        self.assertEqual(result.returncode, 1, result.stderr.decode())
        self.assertIn("more than --max-loss 1: nothing is written", result.stderr.decode())
        self.assertIn("MISSED", result.stdout.decode())
        self.assertEqual(list(self.folder.glob("out*")), [])


class Refusing(Quantizing):
    def setUp(self):
        super().setUp()
        self.data = self.labelled([("good", "positive"), ("bad", "negative")] * 20)

    def test_int8_models(self):
        self.assert_refused(self.quantize("--data", self.data, "-o", self.out, model="default"), 2, "int8 already")
        self.assertEqual(self.quantize("--data", self.data, "-o", self.out, "--max-loss", "100").returncode, 0)
        again = self.quantize("--data", self.data, "-o", self.folder / "again", model=self.out)
        self.assert_refused(again, 2, "is int8 already", "quantise the checkpoint that it was made from")

    def test_labels_that_the_model_does_not_have(self):
        data = self.labelled([("good", "joy"), ("bad", "anger"), ("bad", "anger"), ("good", "positive")])
        self.assert_refused(self.quantize("--data", data, "-o", self.out), 3, "dev.csv", '"anger" (2 rows)',
                            '"joy" (1 row)', "negative, positive")

    def test_files_without_what_it_needs(self):
        for name, content, needle in (("empty.csv", "", "empty.csv"), ("header.csv", "text,label\n", "has no rows"),
                                      ("column.csv", "text,stars\na,1\n", 'no column "label"; the columns are: text, '),
                                      ("plain.txt", "good\n", "carries no labels")):
            path = self.file(name, content)
            result = self.quantize("--data", path, "-o", self.out)
            self.assert_refused(result, 2 if name == "plain.txt" else 3, needle)
        self.assert_refused(self.quantize("--data", self.folder / "none.csv", "-o", self.out), 3, "none.csv")

    def test_destinations_that_hold_something(self):
        self.out.mkdir()
        (self.out / "mine").write_text("kept")
        self.assert_refused(self.quantize("--data", self.data, "-o", self.out), 2, "is there and not empty")
        self.assert_refused(self.quantize("--data", self.data, "-o", self.data), 2, "is no directory")
        self.assert_refused(self.quantize("--data", self.data, "-o", self.folder / "no" / "out"), 3, "no such directory")
        self.assert_refused(self.quantize("--data", self.data), 2, "--output", "--dry-run")
        here = self.folder / "here"
        here.mkdir()
        self.assert_refused(self.quantize("--data", self.data, "-o", ".", cwd=here), 2, "is the working directory")

    def test_options_out_of_range(self):
        for value in ("-1", "101", "nan", "much"):
            self.assert_refused(self.quantize("--data", self.data, "-o", self.out, f"--max-loss={value}"), 2, "--max-loss")
        self.assert_refused(self.quantize("--data", self.data, "-o", self.out, "--threads", "0"), 2, "--threads")

    def test_models_with_several_labels_a_text(self):
        model = write_tiny_model(self.folder / "multi", problem_type="multi_label_classification")
        self.assert_refused(self.quantize("--data", self.data, "-o", self.out, model=model), 2, "single-label")

    def test_a_full_disk_is_an_error_and_leaves_nothing(self):
        data = self.labelled_by(self.model)
        command = f"ulimit -f 8; exec {BINARY} models quantize {self.model} --data {data} --max-loss 100 -o {self.out}"
        result = subprocess.run(["bash", "-c", command], capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                                preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_DFL))
        self.assertEqual(result.returncode, 5, result.stderr.decode())
        self.assertIn("model.safetensors", result.stderr.decode())
        self.assertEqual(list(self.folder.glob("out*")), [])


class LittleData(Quantizing):
    def test_one_row_works_and_says_that_it_shows_nothing(self):
        result = self.quantize("--data", self.labelled([("good", "positive")]), "--dry-run", "--max-loss", "100")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        result = self.quantize("--data", self.labelled_by(self.model, 1), "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn("1 row cannot rule out a loss of more than 1 point", result.stderr.decode())

    def test_classes_without_rows_are_named(self):
        result = self.quantize("--data", self.labelled([("good", "positive")] * 9), "--dry-run", "--max-loss", "100")
        self.assertIn("no row carries the label negative", result.stderr.decode())

    def test_rows_that_cannot_be_read_do_not_count(self):
        data = self.labelled([("good", "positive"), ("", "positive"), ("bad", "")])
        result = self.quantize("--data", data, "--dry-run", "--max-loss", "100", "--json")
        self.assertEqual(result.returncode, 1, result.stderr.decode())
        self.assertEqual(json.loads(result.stdout)["rows"], 1)
        self.assertEqual(json.loads(result.stdout)["failed_rows"], 2)
        self.assertIn("dev.csv:3: empty text", result.stderr.decode())

    def test_texts_are_shown_and_never_obeyed(self):
        model = self.outlier_layer()
        texts = ["\x1b[2J\u202e " + text for text in random_texts(200)]
        listed = self.file("t.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts))
        rows = lines(valence("classify", "-m", model, listed, "-f", "jsonl", "--precision", "fp32"))
        data = self.labelled([(text, row["label"]) for text, row in zip(texts, rows)])
        result = self.quantize("--data", data, "--dry-run", "--max-loss", "100", model=model)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn("worst first", result.stdout.decode())
        self.assertNotIn(b"\x1b", result.stdout)
        self.assertNotIn("\u202e", result.stdout.decode())


class Stopping(Quantizing):
    def test_sigterm_ends_the_measurement_without_a_trace(self):
        rows = self.labelled([(text * 5, "positive") for text in random_texts(60_000)])
        fifo = self.folder / "rows.csv"
        os.mkfifo(fifo)
        with subprocess.Popen([BINARY, "models", "quantize", self.model, "--data", fifo, "-o", self.out, "--threads", "1"],
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            fifo.write_bytes(rows.read_bytes())  # returns when all but a pipe's buffer has been read
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=60), 143, process.stderr.read())
        self.assertEqual(list(self.folder.glob("out*")), [])


if __name__ == "__main__":
    unittest.main()
