"""Where results go, and what is left when they cannot."""
import json
import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import BINARY, InTemporaryFolder, lines, valence


class Targets(InTemporaryFolder):
    def test_output_that_is_an_input_is_refused(self):
        path = self.file("a.txt", "good\n")
        self.assert_refused(self.classify(path, "-o", path, "-f", "csv"), 2, "a.txt", "input")
        self.assertEqual(path.read_text(), "good\n")

    def test_suffix_that_is_no_output_format_is_refused(self):
        path = self.file("a.txt", "good\n")
        for name in ("out.xlsx", "out.csv.gz", "out.txt"):
            self.assert_refused(self.classify(path, "-o", self.folder / name), 2, name, "--format")
        self.assertEqual(self.classify(path, "-o", self.folder / "out.txt", "-f", "csv").returncode, 0)

    @unittest.skipUnless(os.access("/dev/shm", os.W_OK), "no /dev/shm here")
    def test_regular_file_below_dev_is_replaced_whole(self):
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            out = Path(folder) / "out.jsonl"
            self.classify("-t", "good", "-t", "bad", "-o", out)
            self.classify("-t", "good", "-o", out)
            self.assertEqual(len(out.read_text().splitlines()), 1)

    def test_dev_stdout_is_the_descriptor_and_not_a_file_to_replace(self):
        log = self.file("log", "first line\n")
        with open(log, "ab") as stream:
            subprocess.run([BINARY, "classify", "-m", self.model, "-t", "good", "-o", "/dev/stdout"], stdout=stream,
                           stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True, timeout=60)
        first, second = log.read_text().splitlines()
        self.assertEqual((first, json.loads(second)["text"]), ("first line", "good"))

    def test_messages_never_land_in_the_output_when_stderr_is_closed(self):
        out = self.folder / "out.jsonl"
        command = f"{BINARY} classify -m {self.model} -t good -o {out} 2>&-"
        self.assertEqual(subprocess.run(command, shell=True, stdin=subprocess.DEVNULL, timeout=60).returncode, 0)
        self.assertEqual([json.loads(line)["text"] for line in out.read_text().splitlines()], ["good"])

    def test_fields_that_csv_cannot_hold_are_told_and_counted(self):
        path = self.file("a.jsonl", '{"text":"good"}\n{"text":"bad","extra":1}\n')
        result = self.classify(path, "-f", "csv")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"jsonl", result.stderr)

    def test_file_size_limit_is_an_error_and_no_death_by_signal(self):
        path = self.file("a.txt", "good\n" * 50_000)
        command = f"ulimit -f 64; exec {BINARY} classify -m {self.model} {path} -o {self.folder}/out.jsonl"
        result = subprocess.run(["bash", "-c", command], capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
                                preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_DFL))
        self.assert_refused(result, 5, "out.jsonl")
        partial = (self.folder / "out.jsonl.partial").read_text()
        self.assertTrue(all(json.loads(line) for line in partial.splitlines()), "whole records only")

    def test_help_and_lists_report_a_full_disk(self):
        with open("/dev/full", "wb") as full:
            for args in (["--help"], ["models", "list"]):
                result = subprocess.run([BINARY, *args], stdout=full, stderr=subprocess.PIPE, timeout=60)
                self.assertEqual(result.returncode, 5, args)
                self.assertIn(b"No space left", result.stderr)


class Stopping(InTemporaryFolder):
    def test_a_reader_that_does_not_read_does_not_keep_the_program(self):
        path = self.file("a.txt", "good bad the not\n" * 100_000)
        with subprocess.Popen([BINARY, "classify", "-m", self.model, path, "-f", "jsonl"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            process.stdout.read(1)  # it runs and writes; from here on nobody reads
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=30), 143)

    def test_sigterm_while_a_fifo_has_no_reader(self):
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        with subprocess.Popen([BINARY, "classify", "-m", self.model, "-t", "good", "-o", fifo, "-f", "jsonl"],
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            # Signals are watched from the first moment; without a reader the program cannot end by itself.
            while "valence" not in Path(f"/proc/{process.pid}/comm").read_text() or not self.watches(process.pid):
                pass
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(timeout=30), 143)
            self.assertEqual(process.stderr.read(), b"")

    def watches(self, pid):
        """SIGTERM is blocked: the watching thread waits for it."""
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigBlk:"):
                return int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1
        return False


class Resuming(InTemporaryFolder):
    def interrupted(self, path, *args):
        out = self.folder / "out.jsonl"
        partial = self.folder / "out.jsonl.partial"
        partial.unlink(missing_ok=True)
        with subprocess.Popen([BINARY, "classify", path, "-o", out, "--threads", "1", *map(str, args)],
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            while process.poll() is None and not (partial.exists() and partial.stat().st_size > 100_000):
                pass
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
        return out

    def test_a_changed_model_is_refused_however_it_was_named(self):
        path = self.file("a.txt", "good bad the not\n" * 300_000)
        for name in (self.model, self.model / "model.safetensors"):
            out = self.interrupted(path, "-m", name)
            config = self.model / "config.json"
            config.write_text(config.read_text().replace("positive", "pleased"))
            result = valence("classify", path, "-o", out, "--resume", "-m", name, "--threads", "1")
            self.assert_refused(result, 2, "model")
            config.write_text(config.read_text().replace("pleased", "positive"))

    def test_standard_input_cannot_be_resumed(self):
        result = self.classify("-", "-o", self.folder / "out.jsonl", "--resume", stdin=b"good\n")
        self.assert_refused(result, 2, "stdin")

    def test_missing_later_input_is_known_before_the_first_is_read(self):
        path = self.file("a.txt", "good\n")
        result = self.classify(path, self.folder / "none.txt", "-o", self.folder / "out.jsonl")
        self.assert_refused(result, 3, "none.txt")
        self.assertEqual(list(self.folder.glob("out*")), [])

    def test_resume_is_promised_only_where_it_works(self):
        with subprocess.Popen([BINARY, "classify", "-m", self.model, "-", "-o", self.folder / "out.jsonl"],
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(b"good\n")
            process.stdin.flush()
            partial = self.folder / "out.jsonl.partial"
            while not (partial.exists() and partial.stat().st_size > 0):
                pass
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)  # while standard input stays open
            message = process.stderr.read().decode()
        self.assertEqual(process.returncode, 130)
        self.assertNotIn("--resume", message)
        self.assertIn("out.jsonl.partial", message)


class Settings(InTemporaryFolder):
    def environment(self, **variables):
        return {"HOME": str(self.folder), **variables}

    def test_environment_and_file_set_options(self):
        config = self.file("c.toml", "[classify]\ntop-k = 'all'\n")
        row = lines(self.classify("-t", "good", "--config", config, env=self.environment()))[0]
        self.assertEqual(len(row["scores"]), 2)
        self.assertNotIn("scores", lines(self.classify("-t", "good", "--config", config,
                                                       env=self.environment(VALENCE_CLASSIFY_TOP_K="1")))[0])

    def test_misspelt_variable_and_key_are_errors_with_what_was_meant(self):
        self.assert_refused(self.classify("-t", "a", env=self.environment(VALENCE_CLASSIFY_TREADS="2")), 2,
                            "VALENCE_CLASSIFY_TREADS", "VALENCE_CLASSIFY_THREADS")
        config = self.file("c.toml", "[classify]\ntreads = 2\n")
        self.assert_refused(self.classify("-t", "a", "--config", config), 2, "c.toml:2", "threads")
        self.assert_refused(self.classify("-t", "a", "--config", self.folder), 2, "--config")

    def test_text_column_that_no_object_has_fails_at_once(self):
        path = self.file("a.jsonl", '{"body":"good"}\n')
        self.assert_refused(self.classify(path, "--text-column", "bdoy"), 3, "bdoy", "body")


if __name__ == "__main__":
    unittest.main()
