"""Fails if the training shares what it must not with the sentences that measure it.

Plain sentences (tests/plain): no training text, as it is read, drawn and typed or generated, may equal or nearly equal one
or share its frame. Minimal pairs (tests/minimal_pairs): no template of the generated sentences may share a frame with one
or a word with its word lists, so that nothing was written to fit them; no training text may equal one of those by hand. The
rules are in frames.py.
"""

import argparse
import sys

from augment import BY_HAND, PAIRS, SETS, SLOT, templates_where
from augment_words import DOMAINS, GENERAL
from frames import PlainGuard, default_plain_path, frame, frames_of_pairs, words
from mixture import all_rows, last_rows, taught_rows, wide_rows
from sources import LABELS, READERS, read_training

# Numbers that both happen to use say nothing of their own.
NUMERALS = frozenset("six nine eleven fourteen forty ninety".split())
# Of a template's fillings, how many may have the frame of a pair: generate() leaves those out.
MOST_LIKE_A_PAIR = 0.5


def shared_with_sentences(guard, data):
    training, calibration = read_training(data, list(READERS), guard)
    texts = {row.text for rows in (*training.values(), *calibration.values()) for row in rows}
    drawn = (all_rows(training, guard), all_rows(training, guard, 1), last_rows(training, guard), taught_rows(training, guard),
             wide_rows(training, guard))  # fmt: skip
    texts |= {row.text for rows in drawn for row in rows}
    print(f"{len(texts)} training texts against {len(guard.sets_)} plain lines")
    for text in sorted(texts):
        if tuple(words(text)) in BY_HAND:
            yield f"exact: {text!r} is one of a pair by hand"
        found = guard.reason(text)
        if found is not None:
            yield f"{found[0]}: {text!r} and the plain line {found[1]!r}"


def shared_with_pairs():
    pair_frames = frames_of_pairs(PAIRS)
    for label, template in templates_where(lambda text: frame(text) in pair_frames, MOST_LIKE_A_PAIR):
        yield f"template {template!r} of {LABELS[label]} has the frame of a minimal pair"
    sys.path.insert(0, str(PAIRS.parent))
    from make_pairs import WORDS

    slots = [item for items in (*DOMAINS.values(), GENERAL) for of_slot in items.values() for item in of_slot]
    literal = [SLOT.sub(" | ", template) for one in SETS for templates in one.values() for template in templates]
    ours = [f" {' '.join(words(part))} " for text in (*slots, *literal) for part in text.split("|")]
    for item in sorted({item for items in WORDS.values() for item in items} - NUMERALS):
        phrase = f" {' '.join(words(item))} "
        if any(phrase in text for text in ours):
            yield f"words {item!r} of the pairs are in a template or its slots"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path())
    options = parser.parse_args()

    guard = PlainGuard.from_csv(options.plain)
    shared = [*shared_with_pairs(), *shared_with_sentences(guard, options.data)]
    print(*shared, f"{len(shared)} shared", sep="\n")
    return 1 if shared else 0


if __name__ == "__main__":
    sys.exit(main())
