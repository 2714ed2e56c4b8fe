"""The commands about the Hugging Face cache: list, info, card, verify, rm."""
import json
import os
import pty
import select
import shutil
import subprocess
import unittest
from pathlib import Path

from hub_server import File
from hub_support import REPO, WithHub
from support import BINARY


class WithCachedModel(WithHub):
    def setUp(self):
        super().setUp()
        self.assert_ok(self.pull())

    def models(self, *args, **kwargs):
        return self.run_valence("models", *args, HF_HUB_OFFLINE="1", **kwargs)

    def on_a_terminal(self, *args, typed=b""):
        """The exit code, and what a person would see."""
        controller, terminal = pty.openpty()
        with subprocess.Popen([BINARY, "models", *map(str, args)], stdin=terminal, stdout=terminal, stderr=terminal,
                              env=self.environment(TERM="xterm")) as process:
            os.close(terminal)
            if typed:
                os.write(controller, typed)
            seen = b""
            while select.select([controller], [], [], 30)[0]:
                try:
                    seen += os.read(controller, 65536)
                except OSError:
                    break
            process.wait(timeout=30)
        os.close(controller)
        return process.returncode, seen.decode()


class Listing(WithCachedModel):
    def test_table_has_the_built_in_model_and_the_cached_one(self):
        result = self.models("list")
        self.assert_ok(result)
        header, default, cached = result.stdout.decode().splitlines()
        self.assertTrue(header.startswith("NAME"))
        self.assertTrue(default.startswith("default "))
        for needle in (REPO, self.commit[:7], "bert", "negative, positive", "yes"):
            self.assertIn(needle, cached)

    def test_json_says_what_can_be_used_and_why_not(self):
        self.hub.add("org/odd", {"config.json": File(json.dumps(
            {"model_type": "marvel", "id2label": {"0": "a\x1b[31m", "1": "b"}}).encode()),
            "model.safetensors": File(b"not weights", lfs=True)})
        self.assert_ok(self.pull("org/odd"))
        result = self.models("list", "-f", "json")
        self.assert_ok(result)
        default, odd, tiny = json.loads(result.stdout)
        self.assertTrue(default["built_in"] and default["classifies"])
        self.assertEqual((tiny["name"], tiny["commit"], tiny["revisions"]), (REPO, self.commit, ["main"]))
        self.assertEqual(tiny["size_bytes"], sum(len(file.content) for name, file in self.files.items()
                                                 if name != "training_args.bin"))
        self.assertEqual((tiny["model_type"], tiny["labels"], tiny["classifies"]), ("bert", ["negative", "positive"], True))
        self.assertEqual((odd["model_type"], odd["labels"], odd["classifies"]), ("marvel", ["a\x1b[31m", "b"], False))
        self.assertIn("marvel", odd["reason"])
        self.assertNotIn(b"\x1b", self.models("list").stdout)

    def test_an_empty_or_missing_cache_lists_the_built_in_model(self):
        shutil.rmtree(self.cache)
        result = self.models("list", "-f", "json")
        self.assert_ok(result)
        self.assertEqual([entry["name"] for entry in json.loads(result.stdout)], ["default"])

    def test_what_is_no_part_of_the_layout_is_passed_over(self):
        (self.cache / "datasets--a--b" / "snapshots" / ("d" * 40)).mkdir(parents=True)
        (self.cache / "models--a--b" / "snapshots" / "not-a-commit").mkdir(parents=True)
        (self.cache / "models--c").write_text("a file")
        (self.cache / "models--loop--x" / "snapshots" / ("e" * 40)).mkdir(parents=True)
        (self.cache / "models--loop--x" / "snapshots" / ("e" * 40) / "again").symlink_to("..")
        result = self.models("list", "-f", "json")
        self.assert_ok(result)
        self.assertEqual([entry["name"] for entry in json.loads(result.stdout)],
                         ["default", "loop/x@" + "e" * 40, REPO])

    def test_info_shows_files_and_commit(self):
        result = self.models("info", REPO)
        self.assert_ok(result)
        for needle in ("architecture: bert", "labels:       negative, positive", self.commit, "model.safetensors",
                       str(self.snapshot())):
            self.assertIn(needle, result.stdout.decode())
        self.assert_refused(self.models("info", "org/none"), 3, "valence models pull org/none")

    def test_every_command_that_takes_a_model_takes_the_name(self):
        self.assert_ok(self.run_valence("bench", "-m", REPO, "--estimate"))
        rows = self.file("rows.csv", "text,label\n" + "good,positive\nbad,negative\n" * 4)
        result = self.run_valence("models", "quantize", REPO, "--data", rows, "-o", self.folder / "int8", "--max-loss", "100")
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertNotIn(b"no such", result.stderr)


class Cards(WithCachedModel):
    def test_on_a_terminal_front_matter_is_a_table_and_nothing_moves_the_cursor(self):
        hostile = b"---\nlicense: mit\ntags:\n- a\x1b[2Jb\n---\n# Title\x1b]0;owned\x07\n"
        (self.snapshot() / "README.md").resolve().write_bytes(hostile)
        code, seen = self.on_a_terminal("card", REPO)
        self.assertEqual(code, 0)
        self.assertIn("license  mit", seen)
        self.assertIn("# Title", seen)
        self.assertNotIn("\x1b", seen)
        self.assertNotIn("\x07", seen)

    def test_in_a_pipe_the_file_stays_exact(self):
        result = self.models("card", REPO)
        self.assert_ok(result)
        self.assertEqual(result.stdout, self.files["README.md"].content)

    def test_of_the_built_in_model_and_of_a_directory(self):
        self.assertIn(b"valence", self.models("card").stdout)
        self.assert_refused(self.models("card", self.model), 3, "README.md")


class Verifying(WithCachedModel):
    def blob(self, name="model.safetensors"):
        return (self.snapshot() / name).resolve()

    def in_shell(self, command):
        path = os.pathsep.join([str(Path(BINARY).resolve().parent), os.environ["PATH"]])
        return subprocess.run(["sh", "-c", command], env={**self.environment(), "PATH": path}, capture_output=True,
                              timeout=60)

    def test_a_whole_cache_is_good(self):
        for args in ((), (REPO,), (f"{REPO}@{self.commit}",)):
            result = self.models("verify", *args)
            self.assert_ok(result)
            self.assertIn(b"5 files", result.stdout)
            self.assertIn(b"0 bad", result.stdout)

    def test_one_flipped_byte_is_found_in_either_kind_of_file_and_put_right_as_it_says(self):
        for name in ("model.safetensors", "vocab.txt"):
            content = bytearray(self.blob(name).read_bytes())
            content[len(content) // 2] ^= 1
            self.blob(name).write_bytes(content)
            result = self.models("verify")
            self.assertEqual(result.returncode, 3)
            self.assertIn(f"damaged     {REPO}/{name}", result.stdout.decode())
            remedy = result.stderr.decode().split("put it right with: ")[1]
            self.assert_ok(self.in_shell(remedy))
            self.assert_ok(self.models("verify"))
            self.assert_whole()

    def test_missing_blobs_are_found(self):
        self.blob("config.json").unlink()
        result = self.models("verify", REPO)
        self.assertEqual(result.returncode, 3)
        self.assertIn(b"missing", result.stdout)

    def test_a_damaged_link_to_elsewhere_is_not_removed(self):
        victim = self.file("f" * 64, "precious")
        link = self.snapshot() / "config.json"
        link.unlink()
        link.symlink_to(victim)
        self.assert_refused(self.models("verify", REPO, "--remove-damaged"), 3, "by hand")
        self.assertEqual(victim.read_text(), "precious")

    def test_a_model_that_is_not_there(self):
        self.assert_refused(self.models("verify", "org/none"), 3, "valence models pull org/none")


class Removing(WithCachedModel):
    def setUp(self):
        super().setUp()
        self.old_files = dict(self.files)
        self.files = self.model_files(**{"README.md": File(b"# Second\n")})
        self.second = self.hub.add(REPO, self.files, branch="v2")
        self.assert_ok(self.pull(f"{REPO}@v2"))

    def test_nothing_goes_without_yes(self):
        self.assert_refused(self.models("rm", REPO), 2, "--yes")
        result = self.models("rm", REPO, "--dry-run")
        self.assert_ok(result)
        self.assertIn(self.commit, result.stdout.decode())
        self.assert_whole(self.snapshot(self.second))

    def test_one_revision_goes_and_what_the_other_needs_stays(self):
        card = (self.snapshot() / "README.md").resolve()
        self.assert_ok(self.models("rm", f"{REPO}@{self.commit}", "--yes"))
        self.assertFalse(self.snapshot().exists())
        self.assertFalse(card.exists())
        self.assertFalse((self.repo_dir() / "refs" / "main").exists())
        self.assert_whole(self.snapshot(self.second))
        self.assert_ok(self.models("verify"))
        self.assert_ok(self.run_valence("classify", "-m", f"{REPO}@v2", "-t", "good"))

    def test_all_of_it_goes(self):
        self.assert_ok(self.models("rm", REPO, "--yes"))
        self.assertFalse(self.repo_dir().exists())
        self.assertEqual(list((self.cache / ".locks").glob("*")), [])
        self.assert_refused(self.models("rm", REPO, "--yes"), 3, REPO)

    def test_only_inside_the_cache(self):
        outside = self.folder / "outside"
        shutil.copytree(self.repo_dir(), outside, symlinks=True)
        (self.cache / "models--org--link").symlink_to(outside)
        self.assert_refused(self.models("rm", "org/link", "--yes"), 3, "link")
        victim = self.file("victim", "precious")
        link = self.snapshot() / "victim"
        link.symlink_to(victim)
        self.assert_ok(self.models("rm", f"{REPO}@{self.commit}", "--yes"))
        self.assertEqual(victim.read_text(), "precious")
        self.assertTrue(outside.exists())

    def test_a_terminal_is_asked(self):
        code, seen = self.on_a_terminal("rm", REPO, typed=b"n\n")
        self.assertEqual(code, 1)
        self.assertIn("Remove it?", seen)
        self.assertTrue(self.repo_dir().exists())
        code, _ = self.on_a_terminal("rm", REPO, typed=b"y\n")
        self.assertEqual(code, 0)
        self.assertFalse(self.repo_dir().exists())


if __name__ == "__main__":
    unittest.main()
