"""How long the program takes from nothing to its first answer.

    bench/start_up.py build/valence

`warm` starts find the program in the page cache; before a `cold` one its pages are dropped from it, so that the built-in
model comes from the disk. Whole processes on the wall clock; quote the medians.
"""
import os
import statistics
import subprocess
import sys
import time

RUNS = 21
CASES = {
    "classify -t, built-in model": ["classify", "-t", "not bad at all"],
    "--help": ["--help"],
    "classify --help": ["classify", "--help"],
}


def evict(path):
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def milliseconds(binary, arguments, cold):
    if cold:
        evict(binary)
    start = time.perf_counter()
    subprocess.run([binary, *arguments], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
    return 1000 * (time.perf_counter() - start)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: start_up.py PROGRAM")
    binary = sys.argv[1]
    print(f"{'start':<30} {'cache':<6} {'min ms':>8} {'median':>8} {'max':>8}")
    for name, arguments in CASES.items():
        for cold in (False, True):
            times = sorted(milliseconds(binary, arguments, cold) for _ in range(RUNS))
            print(f"{name:<30} {'cold' if cold else 'warm':<6} {times[0]:8.1f} {statistics.median(times):8.1f} "
                  f"{times[-1]:8.1f}")


if __name__ == "__main__":
    main()
