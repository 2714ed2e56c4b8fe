"""Every bad input of the contract: a message with place, cause and remedy, an exit code, and nothing else lost."""
import csv
import io
import json
import os
import resource
import signal
import struct
import subprocess
import unittest

from support import BINARY, InTemporaryFolder, lines, safetensors, valence, write_tiny_model

csv.field_size_limit(1 << 30)
GOOD = "text\ngood\nbad\n"


def limit_file_size():
    """A full disk for one process: writes beyond the limit fail with EFBIG instead of a signal."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


class Files(InTemporaryFolder):
    def test_missing_file_is_named(self):
        self.assert_refused(self.classify(self.folder / "none.csv"), 3, "none.csv", "no such file")

    def test_empty_csv_is_refused(self):
        self.assert_refused(self.classify(self.file("empty.csv", "")), 3, "empty.csv")

    def test_empty_txt_gives_no_rows(self):
        result = self.classify(self.file("empty.txt", ""))
        self.assertEqual((result.returncode, result.stdout), (0, b""))

    def test_directory_instead_of_a_file(self):
        self.assert_refused(self.classify(self.folder), 3, "directory")

    def test_missing_column_lists_those_there_are(self):
        result = self.classify(self.file("a.csv", "id,note\n1,good\n"))
        self.assert_refused(result, 3, "a.csv", "id", "note", "--text-column")
        result = self.classify(self.file("a.csv", "id,note\n1,good\n"), "--text-column", "text")
        self.assert_refused(result, 3, "\"text\"", "id", "note")

    def test_header_name_twice(self):
        self.assert_refused(self.classify(self.file("a.csv", "text,x,x\na,b,c\n")), 3, "\"x\"", "2", "3")

    def test_ragged_rows_are_kept_with_their_error_and_the_rest_goes_on(self):
        result = self.classify(self.file("a.csv", "text,n\ngood,1\nbad\ngood,1,2\nbad,2\n"), "-f", "csv")
        self.assertEqual(result.returncode, 1)
        rows = result.stdout.decode().splitlines()
        self.assertEqual(len(rows), 5)
        self.assertIn("a.csv:3", result.stderr.decode())
        self.assertIn("a.csv:4", result.stderr.decode())

    def test_on_error_skip_drops_and_fail_stops(self):
        path = self.file("a.csv", "text,n\ngood,1\nbad\nbad,2\n")
        skipped = self.classify(path, "--on-error", "skip")
        self.assertEqual((skipped.returncode, len(lines(skipped))), (1, 2))
        failed = self.classify(path, "--on-error", "fail")
        self.assert_refused(failed, 3, "a.csv:3")
        self.assertEqual(len(lines(failed)), 1, "what was computed before is not lost")

    def test_unterminated_quote_names_its_line_and_keeps_what_came_before(self):
        result = self.classify(self.file("a.csv", "text\ngood\n\"bad\nmore\n"))
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual(lines(result)[0]["text"], "good")
        self.assertIn("a.csv:3", result.stderr.decode())

    def test_invalid_utf8_is_a_row_error_with_the_remedy(self):
        result = self.classify(self.file("a.csv", b"text\ngood\nit\x92s bad\nbad\n"))
        self.assertEqual(result.returncode, 1)
        rows = lines(result)
        self.assertEqual(len(rows), 3)
        self.assertIn("error", rows[1])
        self.assertNotIn("label", rows[1])
        message = result.stderr.decode()
        for needle in ("a.csv:3", "byte 2", "0x92", "--encoding windows-1252"):
            self.assertIn(needle, message)
        fixed = self.classify(self.folder / "a.csv", "--encoding", "windows-1252")
        self.assertEqual((fixed.returncode, lines(fixed)[1]["text"]), (0, "it\u2019s bad"))

    def test_nul_byte_is_a_row_error(self):
        result = self.classify(self.file("a.csv", b"text\ngo\0od\nbad\n"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("NUL", lines(result)[0]["error"])
        result = self.classify("--input-format", "jsonl", "-", stdin=b'{"text": "a\\u0000b"}\n')
        self.assertEqual(result.returncode, 1)
        self.assertIn("NUL", lines(result)[0]["error"])

    def test_text_of_ten_megabytes_is_classified_and_marked(self):
        path = self.file("a.txt", b"good " * 2_000_000 + b"\nbad\n")
        result = self.classify(path, "-f", "csv")
        self.assertEqual(result.returncode, 0, result.stderr)
        first, second = csv.DictReader(io.StringIO(result.stdout.decode()))
        self.assertEqual((first["truncated"], second["truncated"]), ("true", "false"))

    def test_ten_thousand_columns(self):
        names = ",".join(["text"] + [f"c{i}" for i in range(9_999)])
        cells = ",".join(["good"] + ["x"] * 9_999)
        result = self.classify(self.file("a.csv", f"{names}\n{cells}\n"), "-f", "csv")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.decode().splitlines()[1].count(","), 9_999 + 4)

    def test_empty_text_is_a_row_error_not_a_neutral_one(self):
        result = self.classify(self.file("a.csv", "text,n\n,1\n   ,2\ngood,3\n"))
        rows = lines(result)
        self.assertEqual(result.returncode, 1)
        self.assertEqual([row.get("error") for row in rows], ["empty text", "empty text", None])
        self.assertEqual([row["n"] for row in rows], ["1", "2", "3"])

    def test_corrupt_gzip_keeps_the_rows_before_it(self):
        import gzip
        whole = gzip.compress(b"".join(b"row good %d\n" % i for i in range(200_000)))
        result = self.classify(self.file("a.txt.gz", whole[: len(whole) // 2]))
        self.assertEqual(result.returncode, 3)
        self.assertIn("a.txt.gz", result.stderr.decode())
        self.assertGreater(len(lines(result)), 1000)


class Models(InTemporaryFolder):
    def refused(self, *needles, code=3):
        self.assert_refused(valence("classify", "-t", "good", "-m", self.model), code, *needles)

    def weights(self):
        return (self.model / "model.safetensors").read_bytes()

    def test_no_such_model(self):
        self.assert_refused(valence("classify", "-t", "a", "-m", self.folder / "nowhere"), 3, "nowhere", "default")

    def test_formats_of_later_versions_say_so(self):
        self.assert_refused(valence("classify", "-t", "a", "-m", "model.onnx"), 3, "model.onnx", "no such model")

    def test_truncated_safetensors(self):
        whole = self.weights()
        for size in (0, 7, 100, len(whole) - 1):
            (self.model / "model.safetensors").write_bytes(whole[:size])
            self.refused("model.safetensors")

    def test_header_of_two_to_the_63_bytes(self):
        (self.model / "model.safetensors").write_bytes(struct.pack("<Q", 2**63) + self.weights()[8:])
        self.refused("model.safetensors", "header")

    def header_changed(self, change):
        whole = self.weights()
        size = struct.unpack("<Q", whole[:8])[0]
        header = json.loads(whole[8:8 + size])
        change(header)
        text = json.dumps(header).encode()
        (self.model / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + whole[8 + size:])

    def test_overlapping_tensors(self):
        def overlap(header):
            header["bert.pooler.dense.bias"]["data_offsets"] = header["classifier.bias"]["data_offsets"]
        self.header_changed(overlap)
        self.refused("model.safetensors")

    def test_shape_that_overflows(self):
        self.header_changed(lambda header: header["classifier.weight"].update(shape=[2**62, 2**62]))
        self.refused("classifier.weight")

    def test_labels_that_disagree_with_the_classifier(self):
        write_tiny_model(self.model, id2label={"0": "a", "1": "b", "2": "c"})
        self.refused("classifier.weight", "3", "2")

    def test_tokenizer_of_another_model(self):
        with open(self.model / "vocab.txt", "a") as vocabulary:
            vocabulary.write("extra\n")
        self.refused("tokenizer", "embedding")

    def test_missing_tensor_is_named(self):
        whole = self.weights()
        size = struct.unpack("<Q", whole[:8])[0]
        header = json.loads(whole[8:8 + size])
        tensors = {name: (entry["shape"], struct.unpack_from(
            f"<{(entry['data_offsets'][1] - entry['data_offsets'][0]) // 4}f", whole,
            8 + size + entry["data_offsets"][0])) for name, entry in header.items()}
        del tensors["bert.encoder.layer.1.output.dense.bias"]
        (self.model / "model.safetensors").write_bytes(safetensors(tensors))
        self.refused("bert.encoder.layer.1.output.dense.bias")

    def test_head_that_was_never_trained(self):
        whole = self.weights()
        (self.model / "model.safetensors").write_bytes(whole.replace(b'"classifier.', b'"elsewhere_.'))
        self.refused("classifier.weight", "head")

    def test_pickled_weights_are_refused_with_the_conversion(self):
        (self.model / "model.safetensors").unlink()
        (self.model / "pytorch_model.bin").write_bytes(b"PK\x03\x04")
        self.refused("pytorch_model.bin", "save_pretrained")

    def test_broken_config_is_placed(self):
        (self.model / "config.json").write_text('{"model_type": "bert", "hidden_size": "many"}')
        self.refused("config.json")


class Output(InTemporaryFolder):
    def test_full_disk_is_an_io_error_with_the_systems_reason(self):
        result = subprocess.run([BINARY, "classify", "-m", self.model, self.file("a.csv", GOOD), "-o", "/dev/full"],
                                capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
        self.assert_refused(result, 5, "No space left on device")

    def test_file_size_limit_leaves_a_valid_partial_file(self):
        path = self.file("a.csv", "text\n" + "good\n" * 50_000)
        result = subprocess.run(
            [BINARY, "classify", "-m", self.model, path, "-o", self.folder / "out.csv"], capture_output=True,
            stdin=subprocess.DEVNULL, timeout=60, check=False,
            preexec_fn=limit_file_size)
        self.assertEqual(result.returncode, 5, result.stderr)
        self.assertIn("out.csv", result.stderr.decode())
        self.assertFalse((self.folder / "out.csv").exists())

    def test_closed_pipe_is_a_quiet_end(self):
        path = self.file("a.csv", "text\n" + "good\n" * 200_000)
        with subprocess.Popen([BINARY, "classify", "-m", self.model, path, "-f", "jsonl"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual(process.stderr.read(), b"")
            self.assertEqual(process.wait(timeout=60), 0)

    def test_closed_pipe_ends_a_run_whose_input_stays_open(self):
        with subprocess.Popen([BINARY, "classify", "-m", self.model, "-"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.PIPE) as process:
            process.stdin.write(b"good\n")
            process.stdin.flush()
            process.stdout.readline()
            process.stdout.close()
            process.stdin.write(b"bad\n")
            process.stdin.flush()
            self.assertEqual(process.wait(timeout=30), 0)
            self.assertEqual(process.stderr.read(), b"")

    def test_folder_that_is_not_there(self):
        result = self.classify(self.file("a.csv", GOOD), "-o", self.folder / "no" / "out.csv")
        self.assert_refused(result, 5, "out.csv")


class Usage(InTemporaryFolder):
    def test_unknown_option_or_value_is_a_usage_error(self):
        for args in (["--nonsense"], ["--top-k", "0"], ["--on-long", "cut"], ["--threads", "0"], ["--format", "xml"],
                     ["--encoding", "latin-7"], ["--function", "max"], ["--color", "blue"],
                     ["--max-length", "100000"], ["--max-length", "2"], ["--labels", "purple"], ["--threads", "9999"], ["--precision", "int4"], ["--threshold", "nan"], ["--threshold", "7"],
                     ["--batch-tokens", "99999999999999999999"], ["--max-length", "-3"]):
            with self.subTest(args=args):
                self.assert_refused(self.classify("-t", "good", *args), 2, args[0].split("=")[0])

    def test_adapter_that_is_not_there(self):
        self.assert_refused(self.classify("-t", "good", "--adapter", self.folder / "nowhere"), 3, "adapter_config.json",
                            "nowhere")

    def test_options_of_later_versions_are_refused_not_ignored(self):
        self.assert_refused(self.classify("-t", "good", "--device", "cuda"), 2, "--device", "not built in")

    def test_unknown_isa_and_one_this_cpu_lacks(self):
        environment = {**os.environ, "VALENCE_ISA": "mmx"}
        self.assert_refused(self.classify("-t", "good", env=environment), 2, "mmx", "portable")

    def test_no_input_on_a_terminal_is_help(self):
        leader, follower = os.openpty()
        try:
            result = subprocess.run([BINARY, "classify"], stdin=follower, capture_output=True, timeout=30,
                                    check=False)
        finally:
            os.close(leader)
            os.close(follower)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"--text-column", result.stderr)


if __name__ == "__main__":
    unittest.main()
