"""`valence bench`: what it measures, what it estimates, what it refuses."""
import json
import os
import shutil
import subprocess
import unittest

from support import BINARY, InTemporaryFolder, valence


class Measures(InTemporaryFolder):
    def test_built_in_model_as_json(self):
        result = valence("bench", "--seconds", "0.2", "--threads", "2", "--json", timeout=600)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        self.assertEqual(result.stderr, b"")
        report = json.loads(result.stdout)
        self.assertEqual(report["machine"]["threads"], 2)
        self.assertEqual(report["model"]["ref"], "default")
        self.assertEqual([read["level"] for read in report["read_gbs"]][-1], "DRAM")
        for figure in report["peaks_gops"] + report["read_gbs"]:
            self.assertGreater(figure["one_thread"], 0)
            self.assertGreater(figure["all_threads"], 0)
        names = ["one text of 16 tokens", "one text of 128 tokens", "texts like SST-2", "texts like IMDB"]
        self.assertEqual([(each["name"], each["threads"]) for each in report["workloads"]],
                         [(name, threads) for threads in (1, 2) for name in names])
        for workload in report["workloads"]:
            self.assertGreater(workload["texts_per_second"], 0)
            self.assertGreaterEqual(workload["call_p99_ms"], workload["call_p50_ms"])
            self.assertGreaterEqual(workload["seconds"], 0.2)
            self.assertGreater(workload["gflop_nominal"], workload["gflop_done"])
        for stage in report["stages"]:
            self.assertAlmostEqual(sum(stage["share"].values()), 1, places=4)
            self.assertGreater(stage["share"]["gemm"], 0.1)

    def test_table_of_a_model_directory_on_one_thread(self):
        result = valence("bench", "-m", self.model, "--seconds", "0.05", "--threads", "1", "--precision", "fp32")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        text = result.stdout.decode()
        for needle in ("peak, Gop/s", "read, GB/s", "2 layers of 16, in fp32", "one text of 16 tokens, 1 thread",
                       "one text of 64 tokens, 1 thread", "where the time goes"):
            self.assertIn(needle, text)
        self.assertNotIn("2 threads", text)


class Estimates(InTemporaryFolder):
    def estimate(self, *args):
        result = valence("bench", "--estimate", "--seconds", "0.1", "--json", *args)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return json.loads(result.stdout)

    def test_tiny_model_is_counted_exactly(self):
        report = self.estimate("-m", self.model)
        # 38 words, 64 positions and 2 types of 16; 2 layers of 4 x 16 x 16 and 2 x 16 x 32.
        self.assertEqual(report["model"]["embedding_parameters"], (38 + 64 + 2) * 16)
        self.assertEqual(report["model"]["linear_parameters"], 2 * (4 * 16 * 16 + 2 * 16 * 32))
        self.assertTrue(report["model"]["has_weights"])
        self.assertEqual(report["model"]["own_precision"], "fp32")
        self.assertIn("fp32", [row["precision"] for row in report["estimates"]])
        self.assertTrue(all(row["runs"] for row in report["estimates"]))

    def test_config_alone_is_enough(self):
        (self.model / "model.safetensors").unlink()
        alone = self.folder / "config.json"
        shutil.copy(self.model / "config.json", alone)
        for ref in (self.model, alone):
            self.assertFalse(self.estimate("-m", ref)["model"]["has_weights"])

    def test_another_machine_by_its_figures(self):
        report = self.estimate("-m", self.model, "--precision", "fp32", "--peak-gops", "1000", "--bandwidth-gbs", "10",
                               "--memory-gb", "0.001", "--threads", "8")
        row, = report["estimates"]
        self.assertEqual((row["peak_gops"], row["read_gbs"], report["threads"]), (1000, 10, 8))
        self.assertEqual(report["available_bytes"], 1_000_000)
        self.assertFalse(row["runs"])
        self.assertAlmostEqual(row["speeds"][0]["bound_seconds"], row["weight_bytes"] / 10e9, delta=1e-9)

    def test_says_so_in_words(self):
        result = valence("bench", "--estimate", "--seconds", "0.1")
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        for needle in ("default: bert, 6 layers of 384", "it runs", "(the model's own)", "tokens/s"):
            self.assertIn(needle, result.stdout.decode())


class Refusals(InTemporaryFolder):
    def test_options_that_make_no_sense(self):
        for args, needle in ((("--seconds", "0"), "--seconds"), (("--threads", "none"), "--threads"),
                             (("--precision", "int4"), "--precision"), (("--peak-gops", "5"), "--estimate"),
                             (("--estimate", "--peak-gops", "5"), "--precision"), (("--bogus",), "--bogus"),
                             (("extra",), "extra")):
            self.assert_refused(valence("bench", *args), 2, needle)

    def test_empty_values_are_no_values(self):
        for option in ("--threads", "--peak-gops", "--memory-gb", "--precision", "--model"):
            self.assert_refused(valence("bench", "--estimate", option, ""), 2, option, "is empty")
        self.assert_refused(valence("classify", "-t", "good", "--threads", ""), 2, "--threads", "is empty")

    def test_threads_that_cannot_be_made(self):
        command = f"ulimit -v 1000000; exec {BINARY} classify -t good --threads 1024"
        result = subprocess.run(["bash", "-c", command], capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(result.returncode, 6, result.stderr.decode())
        self.assertIn("--threads", result.stderr.decode())

    def test_model_that_is_not_there(self):
        for args in ((), ("--estimate",)):
            self.assert_refused(valence("bench", "-m", self.folder / "nowhere", *args), 3, "nowhere")

    def test_model_of_another_kind(self):
        (self.model / "config.json").write_text('{"model_type": "t5"}')
        for args in ((), ("--estimate",)):
            self.assert_refused(valence("bench", "-m", self.model, *args), 2, "t5")

    def test_kernels_that_do_not_exist(self):
        environment = dict(os.environ, VALENCE_ISA="nonsense")
        for args in ((), ("--estimate",)):
            self.assert_refused(valence("bench", *args, env=environment), 2, "VALENCE_ISA", "nonsense")


class Help(unittest.TestCase):
    def test_examples_come_first(self):
        text = valence("bench", "--help").stdout.decode()
        self.assertLess(text.index("valence bench --estimate"), text.index("--seconds"))


if __name__ == "__main__":
    unittest.main()
