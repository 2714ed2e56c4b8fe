"""The gates themselves: what they let through, what they refuse, and what they say when they cannot compare.

instructions_test.py and peak_shares_test.py run whole, over records written here and programs that only pretend to
measure.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import gate
from callgrind import CountError, instructions_by_object
from instructions_test import cpu_flags

HERE = Path(__file__).resolve().parent
BUILD = {"compiler": "GNU 12.2.0", "flags": "-O3 -DNDEBUG"}
RECORDED = 1_000_000

PROBE = """#!{python}
print('''{{"build": {build}, "workloads": ["tokenizer"]}}''')
"""

# Counts FAKE_COUNT instructions of the program it is given.
VALGRIND = """#!{python}
import os, pathlib, sys
out = next(word.split("=", 1)[1] for word in sys.argv if word.startswith("--callgrind-out-file="))
probe, count = pathlib.Path(sys.argv[-2]).resolve(), os.environ["FAKE_COUNT"]
pathlib.Path(out).write_text(f"events: Ir\\nob={{probe}}\\nfn=f\\n7 {{count}}\\ntotals: {{count}}\\n")
"""

# Reaches the shares in FAKE_SHARES one after the other, one a run.
KERNEL_SHARES = """#!{python}
import json, os, pathlib
runs = pathlib.Path(__file__ + ".runs")
run = len(runs.read_text()) if runs.exists() else 0
runs.write_text("x" * (run + 1))
share = json.loads(os.environ["FAKE_SHARES"])[run]
print(json.dumps({{"build": {build}, "cpu": {{"vendor": os.environ["FAKE_VENDOR"]}},
                  "paths": {{"portable": {{}}, "avx2": {{"int8 product": {{"peak": "p", "share": share}}}}}}}}))
"""


class Scripts(unittest.TestCase):
    """A folder with a record and pretenders, and a run of a gate over them."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="valence-gates-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def program(self, name, text, build=None):
        path = self.folder / name
        path.write_text(text.format(python=sys.executable, build=json.dumps(build or BUILD)))
        path.chmod(0o755)
        return path

    def run_gate(self, script, **environment):
        """(exit code, what it said)"""
        environment = {**os.environ, "VALENCE_GATES_RECORDS": str(self.folder), **environment,
                       "PATH": f"{self.folder}:{os.environ['PATH']}"}
        run = subprocess.run([sys.executable, "-B", HERE / script, "-v"], env=environment, capture_output=True,
                             text=True, check=False, timeout=60)
        return run.returncode, run.stdout + run.stderr

    def assert_passes(self, outcome, *needles):
        code, said = outcome
        self.assertEqual(code, 0, said)
        for needle in needles:
            self.assertIn(needle, said)
        if not needles:
            self.assertNotIn("skipped", said)

    def assert_fails(self, outcome, *needles):
        code, said = outcome
        self.assertEqual(code, 1, said)
        for needle in needles:
            self.assertIn(needle, said)


@unittest.skipUnless({"avx2", "fma"} <= cpu_flags(), "this CPU has no AVX2: instructions_test.py only skips")
class InstructionGate(Scripts):
    def run_with(self, count, record=None, build=None):
        """With a record of RECORDED instructions, or the given text."""
        if record is None:
            record = json.dumps({"recorded_with": BUILD, "instructions": {"tokenizer": RECORDED}})
        (self.folder / "instructions.json").write_text(record)
        return self.run_without_record(count, build)

    def run_without_record(self, count, build=None):
        self.program("valgrind", VALGRIND)
        probe = self.program("probe", PROBE, build)
        return self.run_gate("instructions_test.py", VALENCE_INSTRUCTION_PROBE=str(probe), FAKE_COUNT=str(count))

    def test_four_per_cent_more_fails_with_both_counts_and_the_remedy(self):
        self.assert_fails(self.run_with(1_040_000), "tokenizer: 1,040,000 instructions", "recorded 1,000,000", "+4.0%",
                          gate.RECORD_INSTRUCTIONS)

    def test_two_per_cent_more_passes(self):
        self.assert_passes(self.run_with(1_020_000))

    def test_four_per_cent_less_passes_and_asks_to_be_recorded(self):
        self.assert_passes(self.run_with(960_000), "-4.0%", "better", gate.RECORD_INSTRUCTIONS)

    def test_missing_record_says_how_to_make_one(self):
        self.assert_fails(self.run_without_record(RECORDED), "instructions.json: there is no record",
                          gate.RECORD_INSTRUCTIONS)

    def test_record_without_the_workload_names_it(self):
        record = json.dumps({"recorded_with": BUILD, "instructions": {}})
        self.assert_fails(self.run_with(RECORDED, record), 'no "instructions > tokenizer"', gate.RECORD_INSTRUCTIONS)

    def test_recorded_workload_that_nobody_runs_fails(self):
        record = json.dumps({"recorded_with": BUILD, "instructions": {"tokenizer": RECORDED, "gone": 5}})
        self.assert_fails(self.run_with(RECORDED, record), "'gone'", gate.RECORD_INSTRUCTIONS)

    def test_record_that_is_no_json_says_where(self):
        self.assert_fails(self.run_with(RECORDED, '{"instructions": '), "cannot be read as JSON", "line 1 column",
                          gate.RECORD_INSTRUCTIONS)
        self.assert_fails(self.run_with(RECORDED, "[]"), "expected a JSON object")

    def test_another_compiler_or_other_flags_are_skipped_by_name(self):
        for key, value in (("compiler", "Clang 19.1.4"), ("flags", "-g"), ("flags", "-O3 -DNDEBUG -march=native")):
            self.assert_passes(self.run_with(2 * RECORDED, build={**BUILD, key: value}), "skipped",
                               f'{key} "{value}", recorded with "{BUILD[key]}"')

    def test_absent_valgrind_is_skipped(self):
        outcome = self.run_gate("instructions_test.py", VALENCE_INSTRUCTION_PROBE="")
        self.assert_passes(outcome, "skipped", "install valgrind")


class PeakShareGate(Scripts):
    """The record is 80 % of the peak: 40 % is too little, 41 % is enough."""

    def run_with(self, shares, vendor="GenuineIntel", build=None, kernels=("int8 product",)):
        recorded = {kernel: {"peak": "p", "share": 0.8} for kernel in kernels}
        (self.folder / "peak_shares.json").write_text(json.dumps(
            {"makers": {"GenuineIntel": {"avx2": {"kernels": recorded}}}}))
        program = self.program("kernel_shares", KERNEL_SHARES, build)
        return self.run_gate("peak_shares_test.py", VALENCE_KERNEL_SHARES=str(program), FAKE_VENDOR=vendor,
                             FAKE_SHARES=json.dumps(shares))

    def runs(self):
        return len((self.folder / "kernel_shares.runs").read_text())

    def test_more_than_half_of_the_record_passes_at_once(self):
        self.assert_passes(self.run_with([0.41]))
        self.assertEqual(self.runs(), 1)

    def test_half_of_the_record_twice_fails(self):
        self.assert_fails(self.run_with([0.4, 0.3]), "avx2, int8 product: 40.0% of the peak", "recorded 80.0%",
                          gate.RECORD_PEAK_SHARES)
        self.assertEqual(self.runs(), 2)

    def test_kernel_that_is_not_run_any_longer_fails(self):
        self.assert_fails(self.run_with([0.7], kernels=("int8 product", "fp16 product")),
                          "avx2: recorded, but not run any longer: fp16 product", gate.RECORD_PEAK_SHARES)

    def test_disturbed_run_is_made_good_by_the_next(self):
        self.assert_passes(self.run_with([0.1, 0.7]))

    def test_maker_without_record_is_skipped_by_name(self):
        self.assert_passes(self.run_with([0.1], vendor="AuthenticAMD"), "skipped",
                           "no record on AuthenticAMD, avx2: int8 product", gate.RECORD_PEAK_SHARES)

    def test_sanitizers_and_debug_builds_are_skipped_by_name(self):
        for flags, reason in (("-fsanitize=address -O2", "sanitizer"), ("-g", "without -O2 or -O3")):
            (self.folder / "kernel_shares.runs").unlink(missing_ok=True)
            self.assert_passes(self.run_with([0.1], build={**BUILD, "flags": flags}), "skipped", reason)

    def test_missing_record_says_how_to_make_one(self):
        program = self.program("kernel_shares", KERNEL_SHARES)
        outcome = self.run_gate("peak_shares_test.py", VALENCE_KERNEL_SHARES=str(program), FAKE_VENDOR="x",
                                FAKE_SHARES="[1]")
        self.assert_fails(outcome, "peak_shares.json: there is no record", gate.RECORD_PEAK_SHARES)

    def test_share_of_another_peak_is_not_compared(self):
        verdict = gate.judge_share("amx", "int8 product", {"peak": "amx_int8", "share": 0.5},
                                   {"peak": "amx_int8_data", "share": 0.9})
        self.assertFalse(verdict.passed)
        self.assertIn("recorded against amx_int8.", verdict.message)


class CallgrindOutput(unittest.TestCase):
    """By hand, after the format's specification: main (10 + 5) calls memcpy (7), once inlined code adds 3."""

    TEXT = ("events: Ir\n"
            "\nob=/build/probe\nfl=a.cpp\nfn=main\n12 10\ncob=/lib/libc.so.6\ncfn=memcpy\ncalls=1 40\n13 7\n14 5\n"
            "fi=b.h\n3 3\n"
            "\nob=/lib/libc.so.6\nfl=c.c\nfn=memcpy\n40 7\n"
            "\ntotals: 25\n")

    def test_calls_count_where_they_are_executed(self):
        self.assertEqual(instructions_by_object(self.TEXT), {"/build/probe": 18, "/lib/libc.so.6": 7})

    def test_sum_that_is_not_the_total_is_refused(self):
        with self.assertRaisesRegex(CountError, "sum up to 25, its total is 26"):
            instructions_by_object(self.TEXT.replace("totals: 25", "totals: 26"))

    def test_other_events_are_refused(self):
        with self.assertRaisesRegex(CountError, "Ir Dr"):
            instructions_by_object(self.TEXT.replace("events: Ir", "events: Ir Dr"))


if __name__ == "__main__":
    unittest.main()
