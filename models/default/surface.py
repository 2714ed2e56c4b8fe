"""Surface noise: the same sentence as other people would type it. The label never changes.

The tokenizer lower-cases, so case is not varied; punctuation, apostrophes, entities, handles, links and typos are.
"""

import html
import re

CONTRACTION = re.compile(r"\s+(n['\u2019]t|['\u2019](?:s|re|ve|ll|d|m))\b", re.IGNORECASE)
SPACE_BEFORE = re.compile(r"\s+([.,!?;:%)\]])")
SPACE_AFTER = re.compile(r"([(\[$#])\s+")
TREEBANK = (("-lrb-", "("), ("-rrb-", ")"), ("-LRB-", "("), ("-RRB-", ")"), ("``", '"'), ("''", '"'), ("\\/", "/"))
PUNCTUATION = re.compile(r"[.,!?;:\"]+")
HANDLES = ("@user", "@user", "", "@support", "@anna_k", "@the_shop", "@bbc")
LINKS = ("http", "http", "", "https://t.co/Xy12abc", "www.example.com")


def naturalise(text):
    """Joins treebank tokens again: "it 's n't bad ." -> "it's n't bad."."""
    for treebank, natural in TREEBANK:
        text = text.replace(treebank, natural)
    text = CONTRACTION.sub(r"\1", text)
    return SPACE_AFTER.sub(r"\1", SPACE_BEFORE.sub(r"\1", text))


def typo(text, rng):
    """Swaps, drops or doubles one letter inside one longer word."""
    tokens = text.split(" ")
    long_enough = [i for i, token in enumerate(tokens) if len(token) > 4 and token.isalpha()]
    if not long_enough:
        return text
    index = rng.choice(long_enough)
    word = tokens[index]
    at = rng.randrange(1, len(word) - 2)
    kind = rng.random()
    if kind < 0.4:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif kind < 0.8:
        word = word[:at] + word[at + 1 :]
    else:
        word = word[:at] + word[at] + word[at:]
    tokens[index] = word
    return " ".join(tokens)


def vary(text, rng):
    """One way of typing `text`, drawn with `rng`."""
    text = text.replace("<br />", " ")
    if rng.random() < 0.5:
        text = html.unescape(text)
    if rng.random() < 0.5:
        text = naturalise(text)
    if "@user" in text and rng.random() < 0.3:
        text = text.replace("@user", rng.choice(HANDLES))
    if "http" in text and rng.random() < 0.3:
        text = re.sub(r"\bhttp\S*", rng.choice(LINKS), text)
    if "#" in text and rng.random() < 0.2:
        text = text.replace("#", "")
    kind = rng.random()
    if kind < 0.08:
        text = PUNCTUATION.sub("", text)
    elif kind < 0.16:
        text = text.rstrip(" .!")
    if rng.random() < 0.06:
        text = text.replace("'", "").replace("\u2019", "")
    if rng.random() < 0.05:
        text = typo(text, rng)
    return text.strip() or "."
