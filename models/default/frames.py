"""Frames: what a sentence looks like once its content words are taken out.

The hundred plain sentences under tests/ must not be answered from memory, so no training text may share a frame with
one of them. The rule:

1. lower-case; curly apostrophes made straight; contractions opened ("can't" -> "can not");
2. split into words and numbers, everything else (punctuation, emoji) dropped;
3. a closed-class word (pronoun, determiner, auxiliary, preposition, conjunction, negator, hedge, question word, degree
   adverb) stays; every maximal run of other words becomes one "_".

"The delivery is on Tuesday." and "the parcel is on Monday" are both "the _ is on _". A line without any closed-class
word has the frame "_", which says nothing: such a line is compared by its exact words. Besides the frame, exact
equality and near equality (Jaccard overlap of the word sets >= kNear) are refused.
"""

import csv
import re
from pathlib import Path

NEAR = 0.8

CLOSED_CLASS = frozenset(
    """
    i me my mine myself we us our ours ourselves you your yours yourself he him his himself she her hers herself it its
    itself they them their theirs themselves this that these those one ones someone somebody something anyone anybody
    anything everyone everybody everything nobody nothing none noone
    a an the some any each every all both either neither no another other others such same few many much more most less
    least several enough lot lots bit
    am is are was were be been being do does did doing done have has had having will would shall should can could may
    might must ought need used 's 'd
    about above across after against along among around as at before behind below beneath beside between beyond by
    despite down during except for from in inside into like near of off on onto out outside over past per since than
    through throughout till to toward towards under until up upon with within without
    and but or nor so yet because although though while whereas if unless whether when whenever where wherever however
    plus instead otherwise therefore
    not never hardly barely scarcely rarely seldom cannot without
    guess suppose maybe perhaps probably possibly apparently somewhat sort kind fairly okay ok seems seem seemed think
    thought believe say said
    what which who whom whose why how
    very really too quite pretty rather so just only even still already again ever almost nearly extremely totally
    completely absolutely incredibly truly actually honestly simply also well always often sometimes usually once twice
    there here now then yes please
    """.split()
)

# The apostrophe is optional: people type "dont", and the treebanks write "do n't".
NEGATED_AUXILIARY = re.compile(
    r"\b(is|are|was|were|do|does|did|has|have|had|would|could|should|must|need|ought|might)\s?n'?t\b"
)
IRREGULAR = (
    (re.compile(r"\b(ca\s?n't|can't|cant|cannot)\b"), "can not"),
    (re.compile(r"\b(wo\s?n't|won't|wont)\b"), "will not"),
    (re.compile(r"\b(sha\s?n't|shan't)\b"), "shall not"),
    (re.compile(r"\b(ai\s?n't|ain't|aint)\b"), "is not"),
    (re.compile(r"\b(im|i'm)\b"), "i am"),
    (re.compile(r"\b(ive|i've)\b"), "i have"),
)
SUFFIXES = (("'re", " are"), ("'ve", " have"), ("'ll", " will"), ("'m", " am"), ("n't", " not"))
WORD = re.compile(r"'s\b|'d\b|[^\W_]+(?:\.[0-9]+)?")


def words(text):
    """The words and numbers of a text, lower-cased, contractions opened."""
    text = text.lower().replace("\u2019", "'").replace("`", "'")
    for pattern, opened in IRREGULAR:
        text = pattern.sub(opened, text)
    text = NEGATED_AUXILIARY.sub(r"\1 not", text)
    for suffix, opened in SUFFIXES:
        text = text.replace(suffix, opened)
    return WORD.findall(text)


def frame_of_words(tokens):
    frame = []
    for token in tokens:
        slot = token if token in CLOSED_CLASS else "_"
        if slot != "_" or not frame or frame[-1] != "_":
            frame.append(slot)
    return " ".join(frame)


def frame(text):
    return frame_of_words(words(text))


def plain_lines(path):
    """The rows (text, label, kind) of tests/plain/plain_sentences.csv."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def frames_of_pairs(path):
    """The frames of the minimal pairs, which no generated sentence may have."""
    return frozenset(frame(row["text"]) for row in plain_lines(path))


def default_plain_path():
    return Path(__file__).resolve().parents[2] / "tests" / "plain" / "plain_sentences.csv"


class PlainGuard:
    """Says why a text may not be trained on, or None."""

    def __init__(self, lines):
        self.exact_ = {}
        self.frames_ = {}
        self.by_word_ = {}
        self.sets_ = []
        for line in lines:
            tokens = words(line)
            self.exact_[" ".join(tokens)] = line
            if frame_of_words(tokens) != "_":
                self.frames_[frame_of_words(tokens)] = line
            index = len(self.sets_)
            self.sets_.append((frozenset(tokens), line))
            for word in set(tokens):
                self.by_word_.setdefault(word, []).append(index)

    @classmethod
    def from_csv(cls, path):
        return cls([row["text"] for row in plain_lines(path)])

    def reason(self, text):
        """("exact" | "frame" | "near", the plain line) or None."""
        tokens = words(text)
        joined = " ".join(tokens)
        if joined in self.exact_:
            return "exact", self.exact_[joined]
        line = self.frames_.get(frame_of_words(tokens))
        if line is not None:
            return "frame", line
        return self.near_(tokens)

    def near_(self, tokens):
        bag = frozenset(tokens)
        if not bag or len(bag) > 40:  # no plain line is that long
            return None
        shared = {}
        for word in bag:
            for index in self.by_word_.get(word, ()):
                shared[index] = shared.get(index, 0) + 1
        for index, common in shared.items():
            line_bag, line = self.sets_[index]
            if common / (len(bag) + len(line_bag) - common) >= NEAR:
                return "near", line
        return None
