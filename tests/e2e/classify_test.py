"""`valence classify` as people use it."""
import csv
import gzip
import io
import json
import signal
import subprocess
import unittest

from support import BINARY, InTemporaryFolder, lines, valence


class BuiltInModel(unittest.TestCase):
    def test_first_command_works(self):
        result = valence("classify", "-t", "I love it", "-t", "This is terrible.")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = lines(result)
        self.assertEqual([row["label"] for row in rows], ["positive", "negative"])
        self.assertEqual(rows[0]["text"], "I love it")
        self.assertGreater(rows[0]["score"], 0.5)

    def test_models_info_prints_the_card(self):
        result = valence("models", "info", "default")
        self.assertEqual(result.returncode, 0)
        for needle in ("negative, neutral, positive", "MiniLM", "licence"):
            self.assertIn(needle.lower(), result.stdout.decode().lower())
        self.assertIn(b"default", valence("models", "list").stdout)

    def test_runs_without_any_file_but_itself(self):
        result = valence("classify", "-t", "good", env={}, cwd="/")
        self.assertEqual(result.returncode, 0, result.stderr)


class Formats(InTemporaryFolder):
    def test_csv_carries_columns_through_in_order(self):
        path = self.file("a.csv", 'id,text,label\n7,"good, ""very""\nso",x\n8,bad,y\n')
        result = self.classify(path, "-f", "csv")
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = list(csv.DictReader(io.StringIO(result.stdout.decode())))
        self.assertEqual(list(rows[0]), ["id", "text", "input.label", "label", "score", "truncated", "error"])
        self.assertEqual(rows[0]["text"], 'good, "very"\nso')
        self.assertEqual([row["input.label"] for row in rows], ["x", "y"])

    def test_jsonl_fields_are_byte_exact(self):
        source = b'{"id":12345678901234567890,"v":1.0,"review":{"body":"good","x":[1, 2]}}\n'
        result = self.classify("-", "--input-format", "jsonl", "--text-column", "review.body", stdin=source)
        self.assertEqual(result.returncode, 0, result.stderr)
        for raw in (b"12345678901234567890", b"1.0", b'{"body":"good","x":[1, 2]}'):
            self.assertIn(raw, result.stdout)
        self.assertEqual(list(lines(result)[0]), ["id", "v", "review", "label", "score"])

    def test_json_has_the_pipelines_shape(self):
        one = json.loads(self.classify("-t", "good", "-t", "bad", "-f", "json").stdout)
        self.assertEqual([sorted(entry) for entry in one], [["label", "score"]] * 2)
        every = json.loads(self.classify("-t", "good", "-f", "json", "--top-k", "all").stdout)
        self.assertEqual(len(every[0]), 2)
        self.assertGreaterEqual(every[0][0]["score"], every[0][1]["score"])
        self.assertAlmostEqual(sum(entry["score"] for entry in every[0]), 1.0, places=6)

    def test_inputs_of_every_kind_give_the_same_answers(self):
        texts = ["good", "bad", "not good!"]
        paths = [self.file("a.txt", "\n".join(texts) + "\n"),
                 self.file("a.csv", "text\n" + "\n".join(texts) + "\n"),
                 self.file("a.tsv", "n\ttext\n" + "".join(f"{i}\t{t}\n" for i, t in enumerate(texts))),
                 self.file("a.jsonl", "".join(json.dumps({"text": t}) + "\n" for t in texts)),
                 self.file("a.txt.gz", gzip.compress("\n".join(texts).encode()))]
        answers = [[(row["label"], row["score"]) for row in lines(self.classify(path))] for path in paths]
        for path, answer in zip(paths, answers):
            self.assertEqual(answer, answers[0], path)
        literal = lines(self.classify(*[word for text in texts for word in ("-t", text)]))
        self.assertEqual([(row["label"], row["score"]) for row in literal], answers[0])

    def test_several_files_are_one_stream(self):
        first, second = self.file("a.csv", "text\ngood\n"), self.file("b.csv", "text\nbad\n")
        self.assertEqual([row["text"] for row in lines(self.classify(first, second))], ["good", "bad"])

    def test_table_shows_control_characters_instead_of_obeying_them(self):
        result = self.classify("-t", "good \x1b[31mred", "-f", "table")
        self.assertEqual(result.returncode, 0)
        self.assertNotIn(b"\x1b[31m", result.stdout)

    def test_labels_are_kept_and_renormalised(self):
        row = lines(self.classify("-t", "good", "--labels", "positive"))[0]
        self.assertEqual((row["label"], row["score"]), ("positive", 1.0))

    def test_threshold_gives_uncertain(self):
        row = lines(self.classify("-t", "good", "--function", "none", "--threshold", "1000"))[0]
        self.assertEqual(row["label"], "uncertain")

    def test_functions(self):
        none = lines(self.classify("-t", "good", "--function", "none", "--top-k", "all"))[0]["scores"]
        sigmoid = lines(self.classify("-t", "good", "--function", "sigmoid", "--top-k", "all"))[0]["scores"]
        import math
        for logit, score in zip(none, sigmoid):
            self.assertAlmostEqual(1 / (1 + math.exp(-logit["score"])), score["score"], places=6)

    def test_long_texts(self):
        text = "good bad " * 100
        self.assertTrue(lines(self.classify("-t", text))[0]["truncated"])
        self.assertNotIn("truncated", lines(self.classify("-t", text, "--on-long", "window"))[0])
        refused = self.classify("-t", text, "--on-long", "error")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("64 tokens", lines(refused)[0]["error"])


class SameAnswers(InTemporaryFolder):
    def test_a_score_does_not_depend_on_neighbours_threads_batches_or_folding(self):
        texts = [("good " * (i % 17) + "bad not the " * (i % 5) + "a").strip() for i in range(300)]
        path = self.file("a.txt", "\n".join(texts) + "\n")
        reference = self.classify(path, "--threads", "1").stdout
        for args in (["--threads", "2"], ["--threads", "3", "--batch-tokens", "33"], ["--batch-tokens", "1"],
                     ["--batch-tokens", "100000"], ["--fold", "off"]):
            self.assertEqual(self.classify(path, *args).stdout, reference, args)
        for index in (0, 17, 299):
            alone = self.classify("-t", texts[index]).stdout
            self.assertEqual(alone, reference.splitlines(keepends=True)[index])


class Streaming(InTemporaryFolder):
    def test_a_line_in_gives_a_line_out_while_the_input_stays_open(self):
        with subprocess.Popen([BINARY, "classify", "-m", self.model, "-f", "jsonl", "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            for text in ("good", "bad", "not bad"):
                process.stdin.write(text.encode() + b"\n")
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["text"], text)
            process.stdin.close()
            self.assertEqual(process.wait(timeout=30), 0)

    def test_progress_goes_to_stderr_and_results_to_stdout(self):
        path = self.file("a.txt", "good\n" * 10)
        result = self.classify(path, "-o", self.folder / "out.jsonl")
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"10 rows", result.stderr)
        self.assertEqual(self.classify(path, "-o", self.folder / "out.jsonl", "--quiet").stderr, b"")


class Interrupted(InTemporaryFolder):
    def start(self, path, *args):
        return subprocess.Popen([BINARY, "classify", "-m", self.model, path, "--threads", "1", *map(str, args)],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def interrupted_run(self, name, signal_number, *args):
        """Starts a long run and signals it once FILE.partial has grown; returns process, partial file, input."""
        path = self.file("big.csv", "n,text\n" + "".join(f"{i},good bad the not {'a ' * (i % 9)}\n"
                                                         for i in range(400_000)))
        out = self.folder / name
        process = self.start(path, "-o", out, *args)
        partial = self.folder / (name + ".partial")
        while process.poll() is None and not (partial.exists() and partial.stat().st_size > 200_000):
            pass
        process.send_signal(signal_number)
        _, message = process.communicate(timeout=60)
        return process.returncode, message.decode(), partial, path, out

    def test_ctrl_c_leaves_a_valid_partial_file_and_resume_completes_it(self):
        for signal_number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=signal_number):
                returned, message, partial, path, out = self.interrupted_run("out.csv", signal_number)
                self.assertEqual(returned, code, message)
                self.assertIn("--resume", message)
                self.assertFalse(out.exists())
                rows = list(csv.DictReader(io.StringIO(partial.read_text())))
                self.assertEqual([row["n"] for row in rows], [str(i) for i in range(len(rows))])
                self.resume_and_compare(path, out)

    def test_kill_9_is_resumed_exactly(self):
        returned, _, _, path, out = self.interrupted_run("out.jsonl", signal.SIGKILL)
        self.assertEqual(returned, -9)
        self.resume_and_compare(path, out)

    def resume_and_compare(self, path, out):
        resumed = self.classify(path, "-o", out, "--resume", "--threads", "1")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        whole = out.with_name("whole" + out.suffix)
        self.classify(path, "-o", whole)
        self.assertEqual(out.read_bytes(), whole.read_bytes())
        self.assertEqual([p.name for p in self.folder.glob("out*partial*")], [])
        out.unlink()

    def test_resume_with_other_options_is_refused(self):
        _, _, _, path, out = self.interrupted_run("out.csv", signal.SIGINT)
        self.assert_refused(self.classify(path, "-o", out, "--resume", "--top-k", "all"), 2, "--top-k")

    def test_waiting_for_a_silent_pipe_is_interruptible(self):
        with subprocess.Popen([BINARY, "classify", "-m", self.model, "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(b"good\n")
            process.stdin.flush()
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=30), 130)


class Help(unittest.TestCase):
    def test_help_and_version(self):
        for args in (["--help"], ["classify", "--help"], ["models", "--help"], ["--version"]):
            result = valence(*args)
            self.assertEqual(result.returncode, 0, args)
            self.assertTrue(result.stdout)
            self.assertEqual(result.stderr, b"")


if __name__ == "__main__":
    unittest.main()
