"""The temperature, fitted on rows cut from the model's own training sources: never on dev, never on a held-out group.

Cut rows of a source that the model trained on make it look better calibrated than it is on texts unlike its training. How
much better can be measured: the model of the first stage (`common`) has never seen the second stage's sources. So

    temperature = own * unseen / seen

own:    the best temperature of the model itself on cut rows of its sources;
seen:   the best temperature of the common model on cut rows of the sources it trained on;
unseen: the same on cut rows of those training sources of the model that the common model has not seen.

Each is one temperature for all its sources, every source weighing the same. For a held-out run the group's sources are
in none of the three.
"""

import random

import torch
from evaluate import expected_calibration_error, scores_over
from inference import logits_of
from mixture import shares
from sources import read_training
from surface import typo, vary

MAX_ROWS = 300
MIN_ROWS = 40  # fewer say too little to weigh as much as the others
TEMPERATURES = torch.logspace(-0.7, 1.0, 160)


def mean_log_loss(batch_logits, labels, allowed, temperature):
    scores = scores_over(batch_logits / temperature, allowed)
    return -scores.gather(1, labels[:, None]).clamp(min=1e-12).log().mean().item()


def best_temperature(gathered):
    """One temperature for several sources' (logits, labels, allowed), each source weighing the same."""
    losses = [sum(mean_log_loss(*source, t) for source in gathered) for t in TEMPERATURES]
    return TEMPERATURES[losses.index(min(losses))].item()


def source_logits(model, tokenizer, calibration, seed=0):
    """source -> (logits, labels, allowed) of its cut rows, typed anew with one more typo each."""
    rng = random.Random(seed)
    gathered = {}
    for source, rows in calibration.items():
        picked = rng.sample(rows, min(MAX_ROWS, len(rows)))
        if len(picked) < MIN_ROWS:
            continue
        texts = [typo(vary(row.text, rng), rng) for row in picked]
        labels = torch.tensor([row.label for row in picked])
        gathered[source] = (logits_of(model, tokenizer, texts, max_length=128), labels, picked[0].allowed)
    return gathered


def per_source(gathered):
    """source -> what its cut rows say."""
    table = {}
    for source, (batch_logits, labels, allowed) in gathered.items():
        scores = scores_over(batch_logits, allowed)
        table[source] = {
            "rows": len(labels),
            "accuracy": round((scores.argmax(-1) == labels).float().mean().item(), 4),
            "mean_confidence": round(scores.max(-1).values.mean().item(), 4),
            "ece": round(expected_calibration_error(scores, labels), 4),
            "temperature": round(best_temperature([gathered[source]]), 3),
        }
    return table


def same_text(one, other):
    """sst2 in its two spellings, its phrases and sst5 are one source to whoever has seen any of them."""
    return one == other or (one.startswith("sst") and other.startswith("sst"))


def fit_temperature(model, common, tokenizer, data, stage, guard):
    """(temperature, how it came about) for a model trained through `stage`, from its cut rows alone."""
    cut_rows = read_training(data, list(shares(stage)), guard, log=lambda line: None)[1]
    own = source_logits(model, tokenizer, cut_rows)
    by_common = source_logits(common, tokenizer, cut_rows)
    seen_names = {name for name in by_common if any(same_text(name, other) for other in shares("common"))}
    own_best = best_temperature(list(own.values()))
    seen = best_temperature([by_common[name] for name in seen_names])
    unseen = best_temperature([by_common[name] for name in by_common if name not in seen_names])
    temperature = own_best * unseen / seen
    return temperature, {
        "temperature": round(temperature, 4), "own": round(own_best, 4), "seen": round(seen, 4),
        "unseen": round(unseen, 4), "own_by_source": per_source(own), "common_by_source": per_source(by_common),
    }  # fmt: skip


def fold(model, temperature):
    """Divides the classifier by the temperature, so that softmax(logits) is already calibrated."""
    with torch.no_grad():
        model.classifier.weight /= temperature
        model.classifier.bias /= temperature
