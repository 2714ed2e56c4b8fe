"""Generated sentences: templates and slot words of our own, seeded, without any frame of the plain lines.

templates/<label>.txt and templates/*/<label>.txt hold one template a line; `{slot}` is filled from augment_words. They are
written against what fine-tuning sets lack: plain facts and questions, hedges, negation on both sides, contrast, and complaints
or praise that name no feeling. The same adjectives serve affirmed and negated, so that the negation decides.
"""

import random
import re
from collections import Counter
from pathlib import Path

from augment_words import DOMAINS, GENERAL
from frames import frame, frames_of_pairs, plain_lines, words
from sources import LABELS, NEGATIVE, NEUTRAL, POSITIVE
from surface import typo

def read_templates(folder):
    return {
        label: (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines() for label, name in enumerate(LABELS)
    }


TEMPLATES = read_templates(Path(__file__).parent / "templates")
# For the last pass, beside the others: a fact with an opinion behind it, marks, comparisons, indifference.
LAST_TEMPLATES = read_templates(Path(__file__).parent / "templates" / "last")
# For the stage that learns from teachers: marks out of ten, "nobody" and "never" on both sides, facts that annoy or please.
MORE_TEMPLATES = read_templates(Path(__file__).parent / "templates" / "more")
# For the last stage, nearly all by writers who had seen the templates before and not what measures the model: negation with its
# twins, facts and hedges beside opinions, contrast and change, judgement by deed; and marks in many notations.
WIDE_TEMPLATES = read_templates(Path(__file__).parent / "templates" / "wide")
SETS = (TEMPLATES, LAST_TEMPLATES, MORE_TEMPLATES, WIDE_TEMPLATES)
PAIRS = Path(__file__).resolve().parents[2] / "tests" / "minimal_pairs" / "minimal_pairs.csv"
BY_HAND = frozenset(tuple(words(row["text"])) for row in plain_lines(PAIRS.with_name("by_hand.csv")))
SLOT = re.compile(r"\{(\w+?)(2?)\}")
MARKS = {NEGATIVE: (":(", "😡", "👎", ":/"), NEUTRAL: (), POSITIVE: (":)", "😍", "👍", ":D")}
# A lone template would otherwise be learned by heart; a label's rows spread over many more.
MAX_PER_TEMPLATE_SHARE = 0.03


def fill(template, domain, rng):
    """One sentence; `{part2}` after `{part}` gets another word."""
    used = {}

    def word(match):
        name, second = match.group(1), match.group(2)
        choices = domain.get(name) or GENERAL[name]
        picked = rng.choice([choice for choice in choices if choice != used.get(name)])
        if not second:
            used[name] = picked
        return picked

    text = SLOT.sub(word, template)
    return re.sub(r"(\ba|^A) (?=[aeio]|un(?!i))", r"\1n ", text)


def dress(text, label, rng):
    """Capital, end mark, emoji, handle, typo: drawn independently of the label's meaning."""
    question = text.endswith("?")
    if rng.random() < 0.7:
        text = text[0].upper() + text[1:]
    if not question and rng.random() < 0.65:
        exclaims = label != NEUTRAL and rng.random() < 0.25
        text += rng.choice(("!", "!!")) if exclaims else "."
    if question and rng.random() < 0.15:
        text = text[:-1]
    if MARKS[label] and rng.random() < 0.05:
        text += " " + rng.choice(MARKS[label])
    if rng.random() < 0.04:
        text = "@user " + text
    if rng.random() < 0.04:
        text = typo(text, rng)
    if rng.random() < 0.08:
        text = text.replace("'", "")
    return text


def refused(text, guard, pair_frames):
    return guard.reason(text) is not None or frame(text) in pair_frames or tuple(words(text)) in BY_HAND


def generate(count, guard, seed, sets=1):
    """About `count` distinct (text, label) pairs, a third a label, none with the frame of a plain line
    or of a minimal pair.

    sets: how many of SETS the templates come from.
    """
    rng = random.Random(seed)
    domains = list(DOMAINS.values())
    pairs, seen, pair_frames = [], set(), frames_of_pairs(PAIRS)
    for label in TEMPLATES:
        templates = [template for one in SETS[:sets] for template in one[label]]
        made, tries, per_template = 0, 0, Counter()
        limit = max(2, MAX_PER_TEMPLATE_SHARE * count / 3)
        while made < count // 3 and tries < 20 * count:
            tries += 1
            template = rng.choice(templates)
            sentence = fill(template, rng.choice(domains), rng)
            key = sentence.lower() if "*" in sentence else " ".join(words(sentence))  # three stars are not five
            if key in seen or per_template[template] >= limit or refused(sentence, guard, pair_frames):
                continue
            seen.add(key)
            text = dress(sentence, label, rng)
            if not refused(text, guard, pair_frames):
                pairs.append((text, label))
                per_template[template] += 1
                made += 1
    return pairs


def templates_where(is_so, share, seed=0, tries=30):
    """Templates of which it is so with more than that share of fillings: (label, template)."""
    rng = random.Random(seed)
    domains = list(DOMAINS.values())
    for label, templates in (item for one in SETS for item in one.items()):
        for template in templates:
            if sum(is_so(fill(template, rng.choice(domains), rng)) for _ in range(tries)) > share * tries:
                yield label, template
