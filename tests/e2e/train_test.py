"""valence train, from files to a model that valence loads: what is learned, cut and refused."""
import csv
import json
import os
import random
import resource
import signal
import struct
import subprocess
import time
import unittest

from support import BINARY, InTemporaryFolder, valence, write_tiny_model

FILLERS = ["the", "a", "not", ".", "!", "b", "c", "d", "e", "f"]


def rows(count, seed=1, labels=("negative", "positive")):
    """Texts of one word that decides, among others that do not."""
    generator = random.Random(seed)
    for index in range(count):
        label = index % 2
        words = [generator.choice(FILLERS) for _ in range(generator.randint(2, 9))]
        words[generator.randrange(len(words))] = ("bad", "good")[label]
        yield " ".join(words), labels[label]


def read_safetensors(path):
    data = path.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]
            for name, entry in header.items()}


class TrainTest(InTemporaryFolder):
    def csv(self, name, table, header=("text", "label")):
        path = self.folder / name
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(table)
        return path

    def train(self, data, *args, output="out", model=None, **kwargs):
        return valence("train", data, "-m", model or self.model, "--output-dir", self.folder / output, "--threads", "2",
                       *args, **kwargs)

    def labels_of(self, *args):
        result = valence("classify", *args, "-f", "jsonl")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return [json.loads(line)["label"] for line in result.stdout.decode().splitlines()]

    def test_learns_what_the_labels_hang_on_and_classify_loads_the_result(self):
        data = self.csv("train.csv", rows(200))
        result = self.train(data, "--learning-rate", "5e-3", "--num_train_epochs", "6", "--json")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        report = json.loads(result.stdout)
        self.assertGreaterEqual(report["best"]["eval_accuracy"], 0.95)
        self.assertEqual(report["labels"], ["negative", "positive"])
        out = self.folder / "out"
        self.assertEqual(self.labels_of("-m", out, "-t", "the good b", "-t", "c bad a"), ["positive", "negative"])
        names = sorted(path.name for path in out.iterdir())
        for name in ("README.md", "config.json", "metrics.jsonl", "model.safetensors", "training_report.json", "vocab.txt"):
            self.assertIn(name, names)
        config = json.loads((out / "config.json").read_text())
        self.assertEqual(config["architectures"], ["BertForSequenceClassification"])
        self.assertEqual(config["problem_type"], "single_label_classification")
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        self.assertTrue(any("eval_accuracy" in line for line in lines))
        self.assertTrue(any("learning_rate" in line and "loss" in line for line in lines))

    def test_new_labels_get_a_new_head_which_is_said_aloud(self):
        data = self.csv("train.csv", rows(120, labels=("refund", "praise")))
        result = self.train(data, "--learning-rate", "5e-3", "--num-train-epochs", "8")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn("new parameters, which the base does not have: classifier.weight, classifier.bias", result.stderr.decode())
        self.assertEqual(self.labels_of("-m", self.folder / "out", "-t", "the good b", "-t", "c bad a"), ["praise", "refund"])

    def test_rows_of_sets_with_other_labels_are_learned_together(self):
        """A set of two labels says nothing of the third: its rows hold the word of "neutral" as often as not."""
        generator = random.Random(3)
        table = []
        for text, label in rows(240):
            word = "d" if generator.random() < 0.5 else "e"
            table.append((f"{text} {word}", label, "negative|positive"))
        table += [("d d c", "neutral", "")] * 40 + [("good c", "positive", ""), ("bad c", "negative", "")] * 20
        data = self.csv("train.csv", table, ("text", "label", "choices"))
        result = self.train(data, "--learning-rate", "5e-3", "--num-train-epochs", "6", "--choices-column", "choices")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        out = self.folder / "out"
        self.assertEqual(self.labels_of("-m", out, "-t", "good c", "-t", "bad c", "-t", "d d c"),
                         ["positive", "negative", "neutral"])

    def test_a_teachers_scores_outweigh_the_labels_where_they_are_told_to(self):
        """Every label is wrong; the teacher is right, and all the truth there is."""
        table = []
        for text, label in rows(200):
            wrong = {"negative": "positive", "positive": "negative"}[label]
            table.append({"text": text, "label": wrong, "scores": [{"label": label, "score": 0.9},
                                                                   {"label": wrong, "score": 0.1}]})
        data = self.folder / "train.jsonl"
        data.write_text("".join(json.dumps(row) + "\n" for row in table))
        result = self.train(data, "--learning-rate", "5e-3", "--num-train-epochs", "6", "--teacher-column", "scores",
                            "--teacher-weight", "1", "--eval-split", "0")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(self.labels_of("-m", self.folder / "out", "-t", "the good b", "-t", "c bad a"),
                         ["positive", "negative"])

    def test_choices_and_teachers_that_make_no_sense_are_refused_with_their_row(self):
        header = ("text", "label", "choices", "scores")
        good = [("good b", "positive", "", ""), ("bad b", "negative", "", "")] * 10
        for row, message in ((("good", "positive", "positive|glad", ""), 'label "glad" is none of negative, positive'),
                             (("good", "positive", "negative", ""), "leave nothing to tell apart"),
                             (("good", "positive", "", '{"glad": 1}'), 'label "glad" is none of negative, positive'),
                             (("good", "positive", "", "[1"), "the teacher's scores")):
            data = self.csv("train.csv", [*good, row], header)
            result = self.train(data, "--choices-column", "choices", "--teacher-column", "scores")
            self.assertEqual(result.returncode, 3, result.stderr.decode())
            self.assertIn(message, result.stderr.decode())
            self.assertIn("train.csv:22", result.stderr.decode())
            self.assertFalse((self.folder / "out").exists())
        data = self.csv("train.csv", good, header)
        for wrong in (["--teacher-column", "none"], ["--teacher-column", "scores", "--teacher-weight", "2"],
                      ["--choices-column", "choices", "--few-shot"],
                      ["--choices-column", "choices", "--problem-type", "regression"]):
            self.assertIn(self.train(data, *wrong).returncode, (2, 3), wrong)

    def test_lora_leaves_an_adapter_beside_the_base(self):
        data = self.csv("train.csv", rows(200))
        result = self.train(data, "--method", "lora", "--learning-rate", "2e-2", "--alpha", "16", "--dropout", "0.1",
                            "--num-train-epochs", "8")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        out = self.folder / "out"
        config = json.loads((out / "adapter_config.json").read_text())
        self.assertEqual((config["peft_type"], config["task_type"], config["r"], config["lora_alpha"]),
                         ("LORA", "SEQ_CLS", 8, 16))
        self.assertEqual(config["target_modules"], ["query", "value"])
        self.assertFalse((out / "model.safetensors").exists())
        names = read_safetensors(out / "adapter_model.safetensors")
        self.assertIn("base_model.model.bert.encoder.layer.1.attention.self.value.lora_B.weight", names)
        self.assertIn("base_model.model.classifier.weight", names)
        texts = ["-t", "the good b", "-t", "c bad a"]
        self.assertEqual(self.labels_of("-m", self.model, "--adapter", out, *texts), ["positive", "negative"])

    def test_the_head_alone_changes_nothing_else(self):
        data = self.csv("train.csv", rows(100))
        result = self.train(data, "--method", "head", "--num-train-epochs", "2")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        before = read_safetensors(self.model / "model.safetensors")
        after = read_safetensors(self.folder / "out" / "model.safetensors")
        changed = {name for name in before if before[name] != after[name]}
        self.assertEqual(changed, {"classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias"})

    def test_gguf_and_onnx_are_bases_as_what_they_convert_to(self):
        data = self.csv("train.csv", rows(60))
        options = ["--num-train-epochs", "1", "--learning-rate", "1e-3", "--quiet"]
        whole = self.train(data, *options, output="whole")
        self.assertEqual(whole.returncode, 0, whole.stderr.decode())
        expected = read_safetensors(self.folder / "whole" / "model.safetensors")
        for kind, name in (("gguf", "tiny.gguf"), ("onnx", "tiny-onnx")):
            with self.subTest(kind=kind):
                base = self.folder / name
                made = valence("models", "convert", self.model, "--to", kind, "-o", base)
                self.assertEqual(made.returncode, 0, made.stderr.decode())
                result = self.train(data, *options, model=base, output=kind)
                self.assertEqual(result.returncode, 0, result.stderr.decode())
                self.assertEqual(read_safetensors(self.folder / kind / "model.safetensors"), expected)
                if kind == "gguf":
                    self.assertTrue((self.folder / kind / "tokenizer.json").exists())
                texts = ["-t", "the good b", "-t", "c bad a !"]
                self.assertEqual(self.labels_of("-m", self.folder / kind, *texts),
                                 self.labels_of("-m", self.folder / "whole", *texts))

    def test_layer_decay_of_zero_leaves_all_but_the_head_where_it_was(self):
        data = self.csv("train.csv", rows(100))
        result = self.train(data, "--layer-decay", "0", "--num-train-epochs", "1")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        before = read_safetensors(self.model / "model.safetensors")
        after = read_safetensors(self.folder / "out" / "model.safetensors")
        changed = {name for name in before if before[name] != after[name]}
        self.assertEqual(changed, {"classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias"})

    def test_a_handful_of_examples_gives_a_model_of_the_same_kind_with_a_layer_for_the_mean(self):
        data = self.csv("few.csv", rows(64))
        dev = self.csv("dev.csv", rows(100, seed=9))
        result = self.train(data, "--few-shot", "--eval-data", dev, "--num-iterations", "400", "--learning-rate", "1e-3", "--json")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertGreaterEqual(json.loads(result.stdout)["best"]["eval_accuracy"], 0.9)
        out = self.folder / "out"
        config = json.loads((out / "config.json").read_text())
        self.assertEqual((config["num_hidden_layers"], config["architectures"]), (3, ["BertForSequenceClassification"]))
        self.assertEqual(self.labels_of("-m", out, "-t", "the good b", "-t", "c bad a"), ["positive", "negative"])
        self.assertIn("contrastive tuning", (out / "README.md").read_text())
        self.assertEqual(json.loads((out / "training_report.json").read_text())["method"], "few-shot")
        refused = self.train(data, "--few-shot", "--method", "lora", output="other")
        self.assert_refused(refused, 2, "--few-shot", "--method full")

    def test_a_handful_of_examples_is_refused_where_it_would_learn_something_else(self):
        data = self.csv("few.csv", rows(24))
        self.assert_refused(self.train(data, "--few-shot", "--resume"), 2, "--resume", "keeps no checkpoint")
        for kind in ("multi_label_classification", "regression"):
            numbers = self.csv("numbers.csv", [(text, "1") if label == "positive" else (text, "0") for text, label in rows(24)])
            refused = self.train(numbers, "--few-shot", "--problem-type", kind)
            self.assert_refused(refused, 2, "--few-shot", "one label each")

    def test_several_labels_a_text(self):
        generator = random.Random(3)
        table = []
        for _ in range(240):
            words = [generator.choice(FILLERS) for _ in range(5)]
            chosen = [word for word in ("good", "bad") if generator.random() < 0.5]
            table.append((" ".join(words + chosen), "|".join(chosen) or "none"))
        data = self.csv("train.csv", table)
        result = self.train(data, "--problem-type", "multi_label_classification", "--learning-rate", "5e-3",
                            "--num-train-epochs", "8", "--json")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(json.loads(result.stdout)["labels"], ["bad", "good", "none"])
        shown = valence("classify", "-m", self.folder / "out", "--top-k", "all", "-t", "the bad good b", "-f", "json")
        scores = {each["label"]: each["score"] for each in json.loads(shown.stdout)[0]}
        self.assertGreater(min(scores["bad"], scores["good"]), 0.5, scores)
        self.assertLess(scores["none"], 0.5)

    def test_regression(self):
        data = self.csv("train.csv", [(text, "1.5" if label == "positive" else "-0.5") for text, label in rows(200)])
        result = self.train(data, "--problem-type", "regression", "--learning-rate", "5e-3", "--num-train-epochs", "8", "--json")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertLess(json.loads(result.stdout)["best"]["eval_mse"], 0.2)

    def test_the_same_seed_gives_the_same_bits_whatever_the_threads(self):
        data = self.csv("train.csv", rows(80))
        models = {}
        for precision in ("fp32", "bf16"):
            for threads in ("1", "2"):
                output = self.folder / (precision + threads)
                result = valence("train", data, "-m", self.model, "--output-dir", output, "--threads", threads,
                                 "--precision", precision)
                self.assertEqual(result.returncode, 0, result.stderr.decode())
                models[precision, threads] = (output / "model.safetensors").read_bytes()
        for precision in ("fp32", "bf16"):
            self.assertEqual(models[precision, "1"], models[precision, "2"])
        self.assertNotEqual(models["fp32", "1"], models["bf16", "1"])

    def test_bf16_learns_what_f32_does(self):
        # Long enough that both get there, and rows enough that one does not count: on the way the two differ by chance.
        data = self.csv("train.csv", rows(400))
        dev = self.csv("dev.csv", rows(200, seed=2))
        for index, how in enumerate((["--learning-rate", "5e-3"],
                                     ["--method", "lora", "--r", "16", "--learning-rate", "1e-2", "--target-modules",
                                      "query,value,dense"],
                                     ["--method", "head", "--bf16", "--learning-rate", "2e-2"])):
            with self.subTest(how=how):
                accuracies = []
                for precision in (["--precision", "bf16"], ["--precision", "fp32"]):
                    options = [option for option in how if precision[1] == "bf16" or option != "--bf16"]
                    result = self.train(data, "--eval-data", dev, *options, *precision, "--num-train-epochs", "8", "--json",
                                        output=f"{precision[1]}{index}")
                    self.assertEqual(result.returncode, 0, result.stderr.decode())
                    report = json.loads(result.stdout)
                    self.assertEqual(report["options"]["bf16"], "true" if precision[1] == "bf16" else "false")
                    accuracies.append(report["best"]["eval_accuracy"])
                self.assertAlmostEqual(*accuracies, delta=0.05)

    def test_bf16_is_taken_where_it_is_fast_and_said_where_it_is_not(self):
        data = self.csv("train.csv", rows(60))
        (self.folder / "train.toml").write_text("[train]\nbf16 = true\n")
        slow = {**os.environ, "VALENCE_ISA": "portable"}  # which multiplies nothing but f32
        plain = self.train(data, output="plain", env=slow)
        self.assertEqual(plain.returncode, 0, plain.stderr.decode())
        expected = (self.folder / "plain" / "model.safetensors").read_bytes()
        for index, how in enumerate((["--bf16"], ["--config", self.folder / "train.toml"])):
            asked = self.train(data, *how, output=f"asked{index}", env=slow)
            self.assertEqual(asked.returncode, 0, asked.stderr.decode())
            self.assertIn("products stay in f32 (--precision bf16 insists)", asked.stderr.decode())
            self.assertEqual((self.folder / f"asked{index}" / "model.safetensors").read_bytes(), expected)
        self.assert_refused(self.train(data, "--bf16", "--precision", "fp32"), 2, "--bf16", "--precision fp32")
        self.assert_refused(self.train(data, "--precision", "int8"), 2, "--precision", "fp32 or bf16")

    def test_killed_runs_go_on_to_the_same_bits(self):
        data = self.csv("train.csv", rows(400))
        options = ["--num-train-epochs", "12", "--save-strategy", "steps", "--save-steps", "7", "--quiet"]
        begin = time.monotonic()
        whole = self.train(data, *options, output="whole")
        seconds = time.monotonic() - begin
        self.assertEqual(whole.returncode, 0, whole.stderr.decode())
        expected = (self.folder / "whole" / "model.safetensors").read_bytes()
        generator = random.Random(5)
        killed = 0
        for attempt in range(6):
            output = self.folder / f"cut{attempt}"
            command = [BINARY, "train", str(data), "-m", str(self.model), "--output-dir", str(output), "--threads", "2", *options]
            for _ in range(200):  # the run gets further each time, for checkpoints are kept
                process = subprocess.Popen(command + ["--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                try:
                    _, errors = process.communicate(timeout=generator.uniform(0.1, 0.5) * seconds)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.communicate()
                    killed += 1
            self.assertEqual(process.returncode, 0, errors)
            self.assertEqual((output / "model.safetensors").read_bytes(), expected)
            self.assertFalse((output / "training_state.safetensors").exists())
        self.assertGreater(killed, 0)

    def test_a_killed_run_in_bf16_goes_on_to_the_same_bits(self):
        data = self.csv("train.csv", rows(400))
        command = [BINARY, "train", str(data), "-m", str(self.model), "--precision", "bf16", "--num-train-epochs", "6",
                   "--save-strategy", "steps", "--save-steps", "5", "--threads", "1", "--output-dir"]
        whole = valence(*command[1:], self.folder / "whole")
        self.assertEqual(whole.returncode, 0, whole.stderr.decode())
        output = self.folder / "cut"
        process = subprocess.Popen(command + [str(output)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (output / "training_state.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.wait()
        in_f32 = valence(*[("fp32" if word == "bf16" else word) for word in command[1:]], output, "--resume", "--quiet")
        self.assert_refused(in_f32, 2, "bf16 is false, but the run to go on with had true")
        resumed = valence(*command[1:], output, "--resume")
        self.assertEqual(resumed.returncode, 0, resumed.stderr.decode())
        self.assertIn("going on after step", resumed.stderr.decode())
        self.assertEqual((output / "model.safetensors").read_bytes(),
                         (self.folder / "whole" / "model.safetensors").read_bytes())

    def test_an_interrupt_says_how_to_go_on(self):
        data = self.csv("train.csv", rows(2000))
        process = subprocess.Popen([BINARY, "train", data, "-m", self.model, "--output-dir", self.folder / "out",
                                    "--num-train-epochs", "1000"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not (self.folder / "out" / "metrics.jsonl").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("--resume goes on", errors.decode())

    def test_resume_with_other_settings_is_refused_by_name(self):
        data = self.csv("train.csv", rows(200))
        limited = lambda: resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        process = subprocess.Popen([BINARY, "train", data, "-m", self.model, "--output-dir", self.folder / "out",
                                    "--num-train-epochs", "2000", "--save-strategy", "steps", "--save-steps", "5"],
                                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=limited)
        deadline = time.monotonic() + 60
        while not (self.folder / "out" / "training_state.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait()
        again = self.train(data, "--num-train-epochs", "2000", "--save-strategy", "steps", "--save-steps", "5", "--resume",
                           "--learning-rate", "1e-3", "--quiet")
        self.assert_refused(again, 2, "learning_rate is 0.001", "5e-05")
        beside = self.train(data)
        self.assert_refused(beside, 2, "is there and not empty", "--resume goes on with it")

    def test_rows_that_cannot_be_learned_from(self):
        one = self.csv("one.csv", [(text, "positive") for text, _ in rows(10)])
        self.assert_refused(self.train(one), 3, 'holds one label only, "positive"')
        numbers = self.csv("numbers.csv", [(text, f"{index * 0.25}") for index, (text, _) in enumerate(rows(30))])
        self.assert_refused(self.train(numbers), 3, "different numbers", "--problem_type regression")
        data = self.csv("train.csv", rows(20))
        other = self.csv("dev.csv", [("the good", "meh")])
        self.assert_refused(self.train(data, "--eval-data", other), 3, "dev.csv:2", "meh", "negative, positive")
        self.assert_refused(self.train(self.csv("none.csv", [])), 3, "has no rows")
        unlabelled = self.csv("unlabelled.csv", [("the good", "x")], header=("text", "mood"))
        self.assert_refused(self.train(unlabelled), 3, 'no column "label"', "--label-column")
        self.assertFalse((self.folder / "out").exists())

    def test_empty_texts_are_left_out_and_said(self):
        data = self.csv("train.csv", list(rows(30)) + [("", "positive")])
        result = self.train(data, "--num-train-epochs", "1")
        self.assertEqual(result.returncode, 1, result.stderr.decode())
        self.assertIn("train.csv:32", result.stderr.decode())

    def test_a_loss_that_is_no_number_names_the_rows(self):
        model = write_tiny_model(self.folder / "broken")
        data = bytearray((model / "model.safetensors").read_bytes())
        length, = struct.unpack("<Q", data[:8])
        header = json.loads(data[8:8 + length])
        begin = 8 + length + header["bert.encoder.layer.0.intermediate.dense.bias"]["data_offsets"][0]
        data[begin:begin + 4] = struct.pack("<f", float("nan"))
        (model / "model.safetensors").write_bytes(data)
        result = self.train(self.csv("train.csv", rows(20)), "--quiet", model=model)
        self.assert_refused(result, 3, "train.csv:", "the loss of this batch is nan at step 1", "--learning_rate")

    def test_a_full_disk_leaves_the_last_checkpoint_whole(self):
        data = self.csv("train.csv", rows(200))
        options = ["--num-train-epochs", "3", "--save-strategy", "steps", "--save-steps", "5", "--quiet"]
        whole = self.train(data, *options, output="whole")
        self.assertEqual(whole.returncode, 0, whole.stderr.decode())
        size = (self.folder / "whole" / "model.safetensors").stat().st_size
        tight = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2 * size, 2 * size))  # a checkpoint is three times that
        failed = self.train(data, *options, preexec_fn=tight)
        self.assert_refused(failed, 5, "training_state.safetensors.partial", "cannot be written")
        again = self.train(data, *options, "--resume")
        self.assertEqual(again.returncode, 0, again.stderr.decode())
        self.assertEqual((self.folder / "out" / "model.safetensors").read_bytes(),
                         (self.folder / "whole" / "model.safetensors").read_bytes())

    def test_options_that_mean_nothing_are_refused_by_name(self):
        data = self.csv("train.csv", rows(20))
        for option, value, needle in (("--learning-rate", "-1", "--learning_rate"),
                                      ("--per_device_train_batch_size", "0", "--per_device_train_batch_size"),
                                      ("--method", "qlora", "full, lora, head"),
                                      ("--lr-scheduler-type", "step", "linear, cosine"),
                                      ("--class-weights", "positive=x", "LABEL=WEIGHT"),
                                      ("--label_smoothing_factor", "1", "below 1")):
            with self.subTest(option=option):
                self.assert_refused(self.train(data, option, value), 2, needle)
        self.assert_refused(self.train(data, "--method", "lora", "--target-modules", "q_proj"), 2,
                            "no linear layer of the model is called q_proj", "query")
        self.assert_refused(self.train(data, "--class-weights", "meh=2"), 2, 'no row is labelled "meh"')

    def test_dry_run_writes_nothing(self):
        data = self.csv("train.csv", rows(40))
        result = self.train(data, "--dry-run")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertIn("labels: negative 18, positive 18", result.stderr.decode())
        self.assertFalse((self.folder / "out").exists())


if __name__ == "__main__":
    unittest.main()
