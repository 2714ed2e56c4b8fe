#!/usr/bin/env python3
"""Records anew what the gates compare with, beside this script.

    python3 tests/gates/record.py instructions      after cmake --preset release && cmake --build build
    python3 tests/gates/record.py peak-shares       the paths of this CPU; other makers and paths keep their figures
"""
import argparse
import json
import subprocess
from pathlib import Path

import gate
from callgrind import count_instructions

ROOT = Path(__file__).resolve().parents[2]


def output_of(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, check=True, text=True).stdout


def write(path, record):
    path.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")
    print(f"{path.relative_to(ROOT)}: recorded; look at the difference before you commit it")


def record_instructions(build):
    probe = build / "tests" / "valence_instruction_probe"
    description = json.loads(output_of(probe))
    counts = {workload: count_instructions(probe, workload) for workload in description["workloads"]}
    recorded_with = {**description["build"], "kernels": "avx2", "valgrind": output_of("valgrind", "--version").strip(),
                     "command": gate.RECORD_INSTRUCTIONS}
    write(gate.INSTRUCTIONS, {"recorded_with": recorded_with, "instructions": counts})


def record_peak_shares(build):
    """The better of two runs, as the gate compares it."""
    program = build / "tests" / "valence_kernel_shares"
    report = json.loads(output_of(program))
    reason = gate.too_slow_build(report["build"]["flags"])
    if reason:
        raise SystemExit(f"record: {reason}")
    paths = gate.better_shares(report["paths"], json.loads(output_of(program))["paths"])
    record = gate.read_record(gate.PEAK_SHARES, gate.RECORD_PEAK_SHARES) if gate.PEAK_SHARES.exists() else {}
    of_maker = record.setdefault("makers", {}).setdefault(report["cpu"]["vendor"], {})
    for path, kernels in paths.items():
        if kernels:
            of_maker[path] = {"recorded_with": {**report["build"], "machine": report["cpu"],
                                                "command": gate.RECORD_PEAK_SHARES},
                              "kernels": {kernel: {"peak": measured["peak"], "share": round(measured["share"], 3)}
                                          for kernel, measured in kernels.items()}}
    write(gate.PEAK_SHARES, record)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["instructions", "peak-shares"])
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="a release build (default: build)")
    arguments = parser.parse_args()
    record = {"instructions": record_instructions, "peak-shares": record_peak_shares}[arguments.what]
    record(arguments.build.resolve())


if __name__ == "__main__":
    main()
