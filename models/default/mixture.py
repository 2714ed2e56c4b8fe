"""What each stage trains on.

Stage `common` is shared by every run: films, laptops, restaurants, facts. Stage 2 is the whole mixture (`final`) or the
mixture less one source group, so that a held-out run costs a second stage only and its first stage has seen none of the
group either. A share is the fraction of a source's rows used; above 1, whole copies, each typed in another way.
"""

import math
import random
from dataclasses import replace

from augment import generate
from sources import FULL, GROUPS, NEUTRAL, Row
from surface import vary

COMMON = {
    "sst2_phrases": 0.75, "sst5": 1.0, "rt_polarity": 1.0, "imdb": 0.6,
    "semeval14_restaurants": 1.0, "semeval14_laptops": 1.0, "semeval16_restaurants": 1.0,
    "acos_laptops": 1.0, "acos_restaurants": 1.0, "trec_questions": 0.2, "subjectivity": 0.3,
}  # fmt: skip

EVERYTHING = {
    "sst2": 0.5, "sst2_natural": 1.0, "sst5": 1.0, "sst2_phrases": 0.3, "rt_polarity": 1.0, "imdb": 0.35,
    "customer_reviews": 3.0, "uci_sentences": 3.0,
    "tweet_sentiment": 1.0, "tweet_emotion": 1.0, "twitter_targets": 1.0, "goemotions": 1.0,
    "semeval14_restaurants": 1.0, "semeval14_laptops": 1.0, "semeval16_restaurants": 1.0,
    "acos_laptops": 1.0, "acos_restaurants": 1.0, "trec_questions": 0.3, "subjectivity": 0.4,
}  # fmt: skip

# A second, shorter look for the final model alone, weighted towards what one pass leaves weakest: tweets and SST phrases.
POLISH = {
    "sst2": 0.5, "sst2_natural": 0.5, "sst5": 0.5, "sst2_phrases": 0.5, "rt_polarity": 0.5, "imdb": 0.15,
    "customer_reviews": 1.0, "uci_sentences": 1.0,
    "tweet_sentiment": 0.7, "tweet_emotion": 0.3, "twitter_targets": 0.5, "goemotions": 0.4,
    "semeval14_restaurants": 0.4, "semeval14_laptops": 0.4, "semeval16_restaurants": 0.4,
    "acos_laptops": 0.4, "acos_restaurants": 0.4, "trec_questions": 0.1, "subjectivity": 0.15,
}  # fmt: skip

# Nearly half the tweets are neutral and a sixth negative; fewer neutral ones balance the recalls.
NEUTRAL_SHARE = {"tweet_sentiment": 0.7}

GENERATED = 12_000  # sentences from augment.py in the second stage
GENERATED_POLISH = 4_000


STAGES = ("common", "final", "polish", *GROUPS)


def seed_of(stage):
    """The polish looks at the same sources drawn and typed anew."""
    return 9 if stage == "polish" else 8


def shares(stage):
    """Source name -> share for "common", "final", "polish" or the name of the group to leave out."""
    if stage in ("common", "polish"):
        return dict(COMMON if stage == "common" else POLISH)
    left_out = () if stage == "final" else GROUPS[stage]
    return {name: share for name, share in EVERYTHING.items() if name not in left_out}


def draw(training, stage, seed):
    """The stage's rows, subsampled, copied and varied."""
    rng = random.Random(seed)
    rows = []
    for name, share in shares(stage).items():
        kept = NEUTRAL_SHARE.get(name, 1.0)
        source = [row for row in training[name] if row.label != NEUTRAL or kept == 1.0 or rng.random() < kept]
        for copy in range(math.ceil(share)):
            part = min(1.0, share - copy)
            picked = source if part >= 1.0 else rng.sample(source, round(part * len(source)))
            rows += [replace(row, text=vary(row.text, rng)) for row in picked]
    return rows




def stage_rows(training, stage, guard, seed):
    """Everything a stage trains on."""
    rows = draw(training, stage, seed)
    if stage != "common":
        generated = generate(GENERATED_POLISH if stage == "polish" else GENERATED, guard, seed)
        rows += [Row(text, label, FULL, "generated") for text, label in generated]
    # A copy is typed anew, and a typo can fold a word into a frame's slot: look once more.
    return [row for row in rows if guard.reason(row.text) is None]
