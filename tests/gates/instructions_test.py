"""Instructions of the hot work on the AVX2 path stay within 3 % of those recorded (instructions.json)."""
import json
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import gate
from callgrind import count_instructions

PROBE = os.environ.get("VALENCE_INSTRUCTION_PROBE", "")


def cpu_flags():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return set(line.split(":", 1)[1].split())
    return set()


class Instructions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not PROBE:
            raise unittest.SkipTest("valgrind/callgrind.h was not there when cmake ran: install valgrind (./dev setup) "
                                    "and configure anew")
        if not shutil.which("valgrind"):
            raise unittest.SkipTest("valgrind is not installed: ./dev setup")
        if not {"avx2", "fma"} <= cpu_flags():
            raise unittest.SkipTest("this CPU has no AVX2, and valgrind emulates no more than the CPU has")
        cls.probe = json.loads(subprocess.run([PROBE], capture_output=True, check=True, timeout=60).stdout)
        cls.record = gate.read_record(gate.INSTRUCTIONS, gate.RECORD_INSTRUCTIONS)
        reason = gate.other_build(cls.recorded("recorded_with"), cls.probe["build"])
        if reason:
            raise unittest.SkipTest(reason)

    @classmethod
    def recorded(cls, *keys):
        return gate.member(cls.record, gate.INSTRUCTIONS, gate.RECORD_INSTRUCTIONS, *keys)

    def test_every_workload_stays_within_its_margin(self):
        for workload in self.probe["workloads"]:
            with self.subTest(workload=workload):
                verdict = gate.judge_count(workload, self.recorded("instructions", workload),
                                           count_instructions(PROBE, workload))
                self.assertTrue(verdict.passed, verdict.message)
                if verdict.message:
                    print(verdict.message)

    def test_no_recorded_workload_has_gone(self):
        gone = set(self.recorded("instructions")) - set(self.probe["workloads"])
        self.assertFalse(gone, f"recorded, but {PROBE} has them no longer. Record anew: {gate.RECORD_INSTRUCTIONS}")


if __name__ == "__main__":
    unittest.main()
