"""What the gates decide, as functions of values, and the figures they compare with."""
import json
import os
from dataclasses import dataclass
from pathlib import Path

# Equal code gives equal counts. 3 % lets unrelated edits move inlining and register allocation a little; it is less
# than what a lost vector load in an inner loop costs.
COUNT_MARGIN = 0.03
# A share is a time, on a machine that others use: half is what no noise reaches and every lost fast path passes.
SHARE_MARGIN = 0.5

FOLDER = Path(os.environ.get("VALENCE_GATES_RECORDS") or Path(__file__).resolve().parent)
INSTRUCTIONS = FOLDER / "instructions.json"
PEAK_SHARES = FOLDER / "peak_shares.json"
RECORD_INSTRUCTIONS = "python3 tests/gates/record.py instructions"
RECORD_PEAK_SHARES = "python3 tests/gates/record.py peak-shares"


class RecordError(Exception):
    """A record that cannot be compared with; the message says what to do."""


@dataclass(frozen=True)
class Verdict:
    passed: bool
    message: str = ""  # of a failure, or something worth knowing


def read_record(path, command):
    """The JSON object at `path`, which `command` writes."""
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError:
        raise RecordError(f"{path}: there is no record. Record it: {command}") from None
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be read as JSON: {error}. Restore it, or record anew: {command}") from None
    if not isinstance(record, dict):
        raise RecordError(f"{path}: expected a JSON object. Restore it, or record anew: {command}")
    return record


def member(record, path, command, *keys):
    """record[keys[0]][keys[1]]..."""
    value = record
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            raise RecordError(f"{path}: no \"{' > '.join(keys)}\". Record it: {command}")
        value = value[key]
    return value


def judge_count(workload, recorded, counted):
    """Of instructions; fewer are welcome, and should become the record."""
    change = counted / recorded - 1
    figures = f"{workload}: {counted:,} instructions, recorded {recorded:,} ({change:+.1%})"
    if change > COUNT_MARGIN:
        return Verdict(False, f"{figures}, more than {COUNT_MARGIN:+.0%}. If the work is worth it, or the workload "
                              f"itself has changed (its texts, the built-in vocabulary), record anew: "
                              f"{RECORD_INSTRUCTIONS}")
    if change < -COUNT_MARGIN:
        return Verdict(True, f"{figures}: better. Keep it: {RECORD_INSTRUCTIONS}")
    return Verdict(True)


def judge_share(path, kernel, recorded, measured):
    """Of the peak; both are {"peak": name, "share": number}."""
    if recorded["peak"] != measured["peak"]:
        return Verdict(False, f"{path}, {kernel}: measured against {measured['peak']}, recorded against "
                              f"{recorded['peak']}. Record anew: {RECORD_PEAK_SHARES}")
    least = SHARE_MARGIN * recorded["share"]
    if measured["share"] <= least:
        return Verdict(False, f"{path}, {kernel}: {measured['share']:.1%} of the peak ({measured['peak']}), recorded "
                              f"{recorded['share']:.1%}; it must be above {least:.1%}. If that is meant, record anew: "
                              f"{RECORD_PEAK_SHARES}")
    return Verdict(True)


def better_shares(one, other):
    """Of two runs of kernel_shares, each kernel's higher share."""
    return {path: {kernel: max(measured, other[path][kernel], key=lambda each: each["share"])
                   for kernel, measured in kernels.items()} for path, kernels in one.items()}


def other_build(recorded, built):
    """Why counts of `built` ({"compiler", "flags"}) cannot be compared with those recorded; None if they can."""
    different = [key for key in ("compiler", "flags") if built[key] != recorded[key]]
    if not different:
        return None
    said = "; ".join(f"{key} \"{built[key]}\", recorded with \"{recorded[key]}\"" for key in different)
    return f"instruction counts belong to a compiler and its flags: {said}"


def too_slow_build(flags):
    """Why times of a build with these flags say nothing; None if they do."""
    if "-fsanitize" in flags:
        return f"a sanitizer's build has no speed to hold (flags \"{flags}\")"
    if not any(level in flags.split() for level in ("-O2", "-O3")):
        return f"a build without -O2 or -O3 has no speed to hold (flags \"{flags}\")"
    return None
