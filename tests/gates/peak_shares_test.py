"""Hot kernels reach more than half of the share of the peak that was recorded (peak_shares.json).

A tripwire: it notices a kernel that lost its fast path, not one that became somewhat slower.
"""
import json
import os
import subprocess
import unittest

import gate

PROGRAM = os.environ.get("VALENCE_KERNEL_SHARES", "")


def measure():
    return json.loads(subprocess.run([PROGRAM], capture_output=True, check=True, timeout=300).stdout)


def judge_all(paths, recorded_paths):
    """[(path, kernel, Verdict)] of what has a record."""
    return [(path, kernel, gate.judge_share(path, kernel, recorded_paths[path]["kernels"][kernel], measured))
            for path, kernels in paths.items() for kernel, measured in kernels.items()
            if kernel in recorded_paths.get(path, {}).get("kernels", {})]


class PeakShares(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not PROGRAM:
            raise unittest.SkipTest("VALENCE_KERNEL_SHARES names no program: run this through ctest")
        record = gate.read_record(gate.PEAK_SHARES, gate.RECORD_PEAK_SHARES)
        cls.report = measure()
        reason = gate.too_slow_build(cls.report["build"]["flags"])
        if reason:
            raise unittest.SkipTest(reason)
        makers = gate.member(record, gate.PEAK_SHARES, gate.RECORD_PEAK_SHARES, "makers")
        cls.maker = cls.report["cpu"]["vendor"]
        cls.recorded_paths = makers.get(cls.maker, {})

    def test_every_kernel_reaches_half_of_its_recorded_share(self):
        paths = self.report["paths"]
        verdicts = judge_all(paths, self.recorded_paths)
        if not all(verdict.passed for _, _, verdict in verdicts):
            paths = gate.better_shares(paths, measure()["paths"])
            verdicts = judge_all(paths, self.recorded_paths)
        for path, kernel, verdict in verdicts:
            with self.subTest(path=path, kernel=kernel):
                self.assertTrue(verdict.passed, verdict.message)

    def test_no_recorded_kernel_has_gone(self):
        for path, kernels in self.report["paths"].items():
            gone = sorted(set(self.recorded_paths.get(path, {}).get("kernels", {})) - set(kernels))
            with self.subTest(path=path):
                self.assertFalse(gone, f"{path}: recorded, but not run any longer: {', '.join(gone)}. If that is meant, "
                                       f"record anew: {gate.RECORD_PEAK_SHARES}")

    def test_every_path_that_runs_here_has_a_record(self):
        for path, kernels in self.report["paths"].items():
            recorded = self.recorded_paths.get(path, {}).get("kernels", {})
            with self.subTest(path=path):
                missing = sorted(set(kernels) - set(recorded))
                if missing:
                    self.skipTest(f"no record on {self.maker}, {path}: {', '.join(missing)}. On a quiet machine: "
                                  f"{gate.RECORD_PEAK_SHARES}")


if __name__ == "__main__":
    unittest.main()
