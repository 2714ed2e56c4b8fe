"""Fails if any training text equals, nearly equals or shares its frame with one of the plain sentences.

Looks at everything that every stage can draw: all training rows of all sources as they are, every stage's drawn and
varied rows, and the generated sentences. The rule is in frames.py.
"""

import argparse
import sys

from frames import PlainGuard, default_plain_path
from mixture import STAGES, seed_of, stage_rows
from sources import READERS, read_training


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path())
    options = parser.parse_args()

    guard = PlainGuard.from_csv(options.plain)
    training, calibration = read_training(options.data, list(READERS), guard)
    texts = {row.text for rows in (*training.values(), *calibration.values()) for row in rows}
    for stage in STAGES:
        texts |= {row.text for row in stage_rows(training, stage, guard, seed_of(stage))}
    shared = 0
    for text in sorted(texts):
        found = guard.reason(text)
        if found is not None:
            shared += 1
            print(f"{found[0]}: {text!r} and the plain line {found[1]!r}")
    print(f"{len(texts)} training texts against {len(guard.sets_)} plain lines: {shared} shared")
    return 1 if shared else 0


if __name__ == "__main__":
    sys.exit(main())
