"""Fails if the training shares what it must not with the sentences that measure it.

Plain sentences (tests/plain): no training text, as it is read, drawn and typed or generated, may equal or nearly equal one
or share its frame. Minimal pairs (tests/minimal_pairs): no template of the generated sentences may share a frame with one
or a word with its word lists, so that nothing was written to fit them. The rules are in frames.py.
"""

import argparse
import sys

from augment import PAIRS, templates_where
from augment_words import DOMAINS, GENERAL
from frames import PlainGuard, default_plain_path, frame, frames_of_pairs
from mixture import all_rows, last_rows, taught_rows
from sources import LABELS, READERS, read_training


def shared_with_plain(guard, data):
    training, calibration = read_training(data, list(READERS), guard)
    texts = {row.text for rows in (*training.values(), *calibration.values()) for row in rows}
    drawn = (all_rows(training, guard), all_rows(training, guard, 1), last_rows(training, guard), taught_rows(training, guard))
    texts |= {row.text for rows in drawn for row in rows}
    print(f"{len(texts)} training texts against {len(guard.sets_)} plain lines")
    for text in sorted(texts):
        found = guard.reason(text)
        if found is not None:
            yield f"{found[0]}: {text!r} and the plain line {found[1]!r}"


def shared_with_pairs():
    """A filling may have the frame of a pair by chance, and generate() leaves it out; a template may not."""
    pair_frames = frames_of_pairs(PAIRS)
    for label, template in templates_where(lambda text: frame(text) in pair_frames):
        yield f"template {template!r} of {LABELS[label]} has the frame of a minimal pair"
    sys.path.insert(0, str(PAIRS.parent))
    from make_pairs import WORDS

    ours = {word for slots in (*DOMAINS.values(), GENERAL) for words in slots.values() for word in words}
    for word in sorted(ours & {word for words in WORDS.values() for word in words}):
        yield f"word {word!r} of the templates and of the pairs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path())
    options = parser.parse_args()

    guard = PlainGuard.from_csv(options.plain)
    shared = [*shared_with_pairs(), *shared_with_plain(guard, options.data)]
    print(*shared, f"{len(shared)} shared", sep="\n")
    return 1 if shared else 0


if __name__ == "__main__":
    sys.exit(main())
