"""`valence doctor`: which kernels run and why, and what is wrong."""
import json
import os
import socket
import unittest
from pathlib import Path

from support import InTemporaryFolder, valence


class Doctor(InTemporaryFolder):
    def report(self, **environment):
        result = valence("doctor", "--json", env={"HOME": str(self.folder), **environment})
        return result, json.loads(result.stdout)

    def test_all_is_well(self):
        result = valence("doctor")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        text = result.stdout.decode()
        for needle in ("processor", "XCR0", "AMX", "VALENCE_ISA", "vdpbf16ps", "cores", "memory", "huge pages",
                       'says positive of "I love it"', "config.toml", "no problems found"):
            self.assertIn(needle, text)
        self.assertEqual(result.stderr, b"")

    def test_json_says_the_same(self):
        result, report = self.report()
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(report["problems"], [])
        self.assertTrue(report["built_in_model"]["works"])
        self.assertIn(report["kernels"]["isa"], report["kernels"]["runnable"].split(", "))
        self.assertEqual(report["machine"]["cores"] <= report["machine"]["logical_cpus"], True)
        self.assertIn(report["processor"]["amx_permission"], ("no_tiles", "granted", "refused"))
        if Path("/proc/cpuinfo").is_file() and "avx2" in Path("/proc/cpuinfo").read_text().split():
            self.assertIn("avx2", report["processor"]["flags"].split())

    def test_forced_kernels_are_named(self):
        result, report = self.report(VALENCE_ISA="portable")
        self.assertEqual(result.returncode, 0)
        self.assertEqual((report["kernels"]["valence_isa"], report["kernels"]["isa"]), ("portable", "portable"))
        self.assertTrue(report["built_in_model"]["works"])

    def test_unknown_kernels_are_a_problem_and_the_rest_is_told(self):
        result, report = self.report(VALENCE_ISA="nonsense")
        self.assert_refused(result, 2, "VALENCE_ISA", "nonsense", "portable")
        self.assertEqual(len(report["problems"]), 1)
        self.assertEqual(report["kernels"]["isa"], "")
        self.assertFalse(report["built_in_model"]["works"])
        self.assertGreater(report["machine"]["cores"], 0)

    def test_files_are_looked_for_where_the_environment_says(self):
        config = self.file("xdg/valence/config.toml", "")
        (self.folder / "hub").mkdir()
        _, report = self.report(XDG_CONFIG_HOME=str(self.folder / "xdg"), HF_HUB_CACHE=str(self.folder / "hub"))
        self.assertEqual((report["files"]["user_config"], report["files"]["user_config_exists"]), (str(config), True))
        self.assertTrue(report["files"]["hub_cache_exists"])
        _, report = self.report()
        self.assertEqual(report["files"]["user_config"], str(self.folder / ".config/valence/config.toml"))
        self.assertFalse(report["files"]["user_config_exists"])

    def test_what_serve_would_find_is_told(self):
        _, report = self.report()
        self.assertEqual((report["history"]["exists"], report["settings"]["files"], report["spool"]["bytes"]), (False, 0, 0))
        home = {**os.environ, "HOME": str(self.folder)}
        self.assertEqual(valence("classify", "--history", "-t", "I love it", "-t", "so so", env=home).returncode, 0)
        self.file(".local/state/valence/spool/1.segment", "123")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.file(".config/valence/config.toml", f"[serve]\nport = {port}\n")
            result, report = self.report()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((report["history"]["records"], report["history"]["texts"]), (2, 0))
        self.assertEqual((report["server"]["port"], report["server"]["port_free"]), (port, False))
        self.assertEqual((report["spool"]["bytes"], report["settings"]["mistakes"]), (3, 0))

    def test_what_would_trouble_serve_is_a_problem(self):
        self.file(".config/valence/config.toml", "[serve]\nprot = 1\nmax-queue = 0\n")
        self.file(".local/state/valence/spool/1.damaged", "x")
        self.file(".local/share/valence/history.db", "no database, but longer than the header of one " * 10)
        result = valence("doctor", "--json", env={"HOME": str(self.folder)})
        problems = json.loads(result.stdout)["problems"]
        self.assertEqual(result.returncode, 2)
        self.assertEqual(len(problems), 4, problems)
        for needle in ("config.toml:2:1", "config.toml:3:13", "history.db", "1.damaged"):
            self.assertTrue(any(needle in problem for problem in problems), needle)

    def test_runs_with_an_empty_environment(self):
        self.assertEqual(valence("doctor", env={}, cwd="/").returncode, 0)

    def test_bad_usage(self):
        self.assert_refused(valence("doctor", "--jsn"), 2, "--json")
        self.assert_refused(valence("doctor", env=dict(os.environ, VALENCE_DOCTOR_JSN="1")), 2, "VALENCE_DOCTOR_JSN")


if __name__ == "__main__":
    unittest.main()
