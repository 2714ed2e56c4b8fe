"""`valence tokenize` as people use it."""
import json
import os
import pty
import subprocess
import unittest

from support import BINARY, InTemporaryFolder, VOCABULARY, lines, valence


def ids_of(*tokens):
    return [VOCABULARY.index(token) for token in tokens]


class Tokenize(InTemporaryFolder):
    def tokenize(self, *args, **kwargs):
        return valence("tokenize", "-m", self.model, *args, **kwargs)

    def test_offsets_are_code_points_of_the_text(self):
        result = self.tokenize("Good 😀 bad!", "-f", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        (tokens,) = json.loads(result.stdout)
        self.assertEqual([token["id"] for token in tokens], ids_of("[CLS]", "good", "[UNK]", "bad", "!", "[SEP]"))
        self.assertEqual([(token["start"], token["stop"]) for token in tokens[1:-1]],
                         [(0, 4), (5, 6), (7, 10), (10, 11)])
        self.assertEqual([token["text"] for token in tokens], ["[CLS]", "Good", "😀", "bad", "!", "[SEP]"])
        self.assertEqual(tokens[0], {"id": 2, "text": "[CLS]", "special": True, "start": None, "stop": None,
                                     "token": "[CLS]", "type_id": 0})

    def test_a_pair_has_types_and_sequences(self):
        result = self.tokenize("good", "--pair", "not bad", "-f", "jsonl")
        (tokens,) = lines(result)
        self.assertEqual([token["type_id"] for token in tokens], [0, 0, 0, 1, 1, 1])
        self.assertEqual([token["sequence"] for token in tokens], [None, 0, None, 1, 1, None])
        self.assertEqual((tokens[4]["start"], tokens[4]["stop"]), (4, 7))

    def test_truncation_cuts_the_longer_text_or_the_one_that_is_named(self):
        def pieces(*args):
            (tokens,) = lines(self.tokenize("a b c d", "--pair", "x y", "--max-length", "7", *args))
            return [token["token"] for token in tokens]
        self.assertEqual(pieces(), ["[CLS]", "a", "b", "[SEP]", "x", "y", "[SEP]"])
        (tokens,) = lines(self.tokenize("a b", "--pair", "x y z", "--max-length", "7", "--truncation", "only_second"))
        self.assertEqual([token["token"] for token in tokens], ["[CLS]", "a", "b", "[SEP]", "x", "y", "[SEP]"])

    def test_files_are_read_as_classify_reads_them(self):
        path = self.file("a.csv", "id,comment\n1,good\n2,bad\n")
        rows = lines(self.tokenize(path, "--no-special-tokens"))
        self.assertEqual([[token["token"] for token in row] for row in rows], [["good"], ["bad"]])
        self.assert_refused(self.tokenize(path, "good"), 2, "a.csv", "--text")
        self.assertEqual(len(lines(self.tokenize("-t", str(path)))), 1)

    def test_lines_of_a_pipe_are_answered_at_once(self):
        with subprocess.Popen([BINARY, "tokenize", "-m", self.model, "-"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as process:
            process.stdin.write(b"good\n")
            process.stdin.flush()
            self.assertEqual(json.loads(process.stdout.readline())[1]["token"], "good")
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), 0)

    def test_bad_rows_are_told_in_their_place(self):
        result = self.tokenize("-", stdin=b"good\nb\xffd\nbad\n")
        self.assertEqual(result.returncode, 1)
        rows = lines(result)
        self.assertEqual(rows[0][1]["token"], "good")
        self.assertIn("UTF-8", rows[1]["error"])
        self.assertEqual(rows[2][1]["token"], "bad")

    def test_decode_is_the_way_back(self):
        ids = " ".join(map(str, ids_of("[CLS]", "good", "##ly", "!", "[SEP]")))
        self.assertEqual(self.tokenize("--decode", ids).stdout.decode(), "[CLS] goodly! [SEP]\n")
        self.assertEqual(self.tokenize("--decode", ids, "--no-special-tokens").stdout.decode(), "goodly!\n")
        self.assertEqual(json.loads(self.tokenize("--decode", "[5, 999999]", "-f", "json").stdout), "good")
        self.assert_refused(self.tokenize("--decode", "5 x"), 2, "--decode", "\"x\"")
        self.assert_refused(self.tokenize("--decode", "5", "good"), 2, "--decode")

    def test_empty_texts_and_no_texts(self):
        (tokens,) = lines(self.tokenize("-t", ""))
        self.assertEqual([token["token"] for token in tokens], ["[CLS]", "[SEP]"])
        self.assertEqual(self.tokenize("-", "-f", "json", stdin=b"").stdout, b"[]\n")

    def test_wrong_values_are_refused_with_the_choices(self):
        self.assert_refused(self.tokenize("a", "-f", "csv"), 2, "--format", "table, jsonl, json")
        self.assert_refused(self.tokenize("a", "--truncation", "both"), 2, "--truncation", "longest_first")

    def test_a_terminal_gets_a_table_in_colour(self):
        main, terminal = pty.openpty()
        environment = {"TERM": "xterm", "PATH": os.environ["PATH"]}
        with subprocess.Popen([BINARY, "tokenize", "-m", self.model, "good film"], stdout=terminal,
                              stdin=subprocess.DEVNULL, env=environment) as process:
            process.wait(timeout=60)
        os.close(terminal)
        shown = os.read(main, 1 << 16).decode()
        os.close(main)
        self.assertIn("\x1b[", shown)
        self.assertIn("start", shown)

    def test_no_escape_sequence_of_a_text_reaches_a_terminal(self):
        for form in ("table", "jsonl", "json"):
            self.assertNotIn(b"\x1b", self.tokenize("good \x1b[31m", "-f", form, "--color", "never").stdout)


class BuiltInModel(unittest.TestCase):
    def test_runs_without_any_file(self):
        result = valence("tokenize", "not bad at all", env={}, cwd="/")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([token["text"] for token in lines(result)[0]], ["[CLS]", "not", "bad", "at", "all", "[SEP]"])


if __name__ == "__main__":
    unittest.main()
