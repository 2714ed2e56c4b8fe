"""Figures: accuracy and macro recall on dev sets, calibration, the plain sentences."""

from collections import Counter

import torch
from frames import plain_lines
from inference import logits_of
from sources import BINARY, FULL, LABELS, READERS

# Sets reported, and whether the choice is among all three labels or negative/positive only.
DEV_SETS = {
    "sst2": BINARY, "sst2_natural": BINARY, "tweet_sentiment": FULL, "customer_reviews": BINARY,
    "uci_sentences": BINARY, "rt_polarity": BINARY, "imdb": BINARY, "sst5": FULL, "goemotions": FULL,
    "tweet_emotion": BINARY, "twitter_targets": FULL,
    "semeval14_restaurants": FULL, "semeval14_laptops": FULL,
}  # fmt: skip


def scores_over(batch_logits, allowed):
    """Softmax over the allowed labels; the others get 0."""
    masked = torch.full_like(batch_logits, -1e9)
    masked[:, list(allowed)] = batch_logits[:, list(allowed)]
    return masked.softmax(-1)


def figures(scores, labels):
    """Accuracy, macro recall over the labels that occur, mean confidence, rows."""
    predicted = scores.argmax(-1)
    recalls = [(predicted[labels == label] == label).float().mean().item() for label in labels.unique()]
    return {
        "rows": len(labels),
        "accuracy": round((predicted == labels).float().mean().item(), 4),
        "macro_recall": round(sum(recalls) / len(recalls), 4),
        "mean_confidence": round(scores.max(-1).values.mean().item(), 4),
    }


def expected_calibration_error(scores, labels, bins=15):
    """Equal-width bins on the top score: sum of |accuracy - confidence| weighted by rows."""
    confidence, predicted = scores.max(-1)
    correct = (predicted == labels).float()
    index = (confidence * bins).long().clamp(max=bins - 1)
    error = 0.0
    for b in index.unique():
        inside = index == b
        error += inside.float().mean().item() * abs(correct[inside].mean().item() - confidence[inside].mean().item())
    return error


def dev_logits(model, tokenizer, data, name):
    """(logits, labels) of a set's dev rows."""
    rows = READERS[name](data, "dev")
    return logits_of(model, tokenizer, [row.text for row in rows]), torch.tensor([row.label for row in rows])


def dev_figures(model, tokenizer, data, names=tuple(DEV_SETS)):
    """(set name -> figures, set name -> logits)."""
    table, all_logits = {}, {}
    for name in names:
        batch_logits, labels = dev_logits(model, tokenizer, data, name)
        scores = scores_over(batch_logits, DEV_SETS[name])
        table[name] = figures(scores, labels)
        table[name]["ece"] = round(expected_calibration_error(scores, labels), 4)
        all_logits[name] = batch_logits
    return table, all_logits


def plain_figures(model, tokenizer, path):
    """Right answers on the plain sentences, by label and kind, and the lines missed."""
    lines = plain_lines(path)
    batch_scores = logits_of(model, tokenizer, [line["text"] for line in lines]).softmax(-1)
    predicted = [LABELS[index] for index in batch_scores.argmax(-1)]
    missed = [
        {"text": line["text"], "label": line["label"], "predicted": guess, "score": round(scores.max().item(), 3)}
        for line, guess, scores in zip(lines, predicted, batch_scores, strict=True)
        if guess != line["label"]
    ]
    missed_kinds = Counter(line["kind"] for line, guess in zip(lines, predicted, strict=True) if guess != line["label"])
    kinds = Counter(line["kind"] for line in lines)
    return {
        "right": len(lines) - len(missed),
        "of": len(lines),
        "by_kind": {kind: f"{count - missed_kinds[kind]} of {count}" for kind, count in kinds.items()},
        "missed": missed,
    }


def report_dev(model, tokenizer, data):
    for name, row in dev_figures(model, tokenizer, data)[0].items():
        yield f"dev {name}: " + " ".join(f"{key} {value}" for key, value in row.items())
