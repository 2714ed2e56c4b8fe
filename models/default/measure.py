"""evaluation.json: the shipped weights on dev, the held-out models on what they never saw, the plain sentences.

Measured in parts, each kept as runs/measured/<part>.json: `stored` and one part a held-out group.
"""

import argparse
import json
from pathlib import Path

import torch
from average import average
from batches import load_tokenizer
from calibrate import fit_temperature
from classifier import load
from evaluate import DEV_SETS, dev_figures, dev_logits, expected_calibration_error, figures, plain_figures, scores_over
from frames import PlainGuard, default_plain_path
from sources import GROUPS

# Where the issue sets a bar; the unrounded weights are measured on these only.
BAR_SETS = ("sst2", "sst2_natural", "tweet_sentiment", "customer_reviews", "uci_sentences")


def held_out(options, group):
    """A group's figures by the model that never saw it, averaged with the common one as the final model is."""
    common, tokenizer = load(options.runs / "common"), load_tokenizer(options.runs / "common")
    model = average(load(options.runs / "common"), load(options.runs / group), options.share)
    guard = PlainGuard.from_csv(options.plain)
    temperature, account = fit_temperature(model, common, tokenizer, options.data, group, guard)
    part = {"calibration": account, "sets": {}, "scores": {"before": [], "after": [], "labels": []}}
    for name in GROUPS[group]:
        batch_logits, labels = dev_logits(model, tokenizer, options.data, name)
        before = scores_over(batch_logits, DEV_SETS[name])
        after = scores_over(batch_logits / temperature, DEV_SETS[name])
        part["sets"][name] = figures(after, labels) | {
            "ece_as_trained": round(expected_calibration_error(before, labels), 4),
            "ece": round(expected_calibration_error(after, labels), 4),
        }
        for key, values in (("before", before), ("after", after), ("labels", labels)):
            part["scores"][key] += values.tolist()
    return part


def against_f32(int8_logits, f32_logits):
    """How far rounding to int8 moves the answers."""
    a, b = torch.cat(list(int8_logits.values())), torch.cat(list(f32_logits.values()))
    return {
        "same_label": round((a.argmax(-1) == b.argmax(-1)).float().mean().item(), 4),
        "largest_logit_difference": round((a - b).abs().max().item(), 4),
        "mean_logit_difference": round((a - b).abs().mean().item(), 4),
    }


def stored(options):
    """The shipped weights, as int8 and before rounding."""
    tokenizer = load_tokenizer(options.dequantised)
    rounded, unrounded = load(options.dequantised), load(options.f32)
    int8_table, int8_logits = dev_figures(rounded, tokenizer, options.data)
    f32_table, f32_logits = dev_figures(unrounded, tokenizer, options.data, BAR_SETS)
    return {
        "dev_int8": int8_table,
        "dev_f32": f32_table,
        "int8_against_f32": against_f32({name: int8_logits[name] for name in BAR_SETS}, f32_logits),
        "plain_sentences_int8": plain_figures(rounded, tokenizer, options.plain),
        "plain_sentences_f32_right": plain_figures(unrounded, tokenizer, options.plain)["right"],
        "calibration": json.loads((options.f32 / "calibration.json").read_text()),
    }


def pooled_ece(parts, key):
    scores = torch.tensor([row for part in parts for row in part["scores"][key]])
    labels = torch.tensor([label for part in parts for label in part["scores"]["labels"]])
    return round(expected_calibration_error(scores, labels), 4)


def merge(measured):
    """evaluation.json's content from the parts on disk."""
    evaluation = json.loads((measured / "stored.json").read_text())
    groups = {g: json.loads((measured / f"{g}.json").read_text()) for g in GROUPS if (measured / f"{g}.json").exists()}
    if groups:
        parts = list(groups.values())
        evaluation["held_out"] = {
            "groups": {g: {"calibration": part["calibration"], "sets": part["sets"]} for g, part in groups.items()},
            "pooled_ece_as_trained": pooled_ece(parts, "before"),
            "pooled_ece": pooled_ece(parts, "after"),
            "pooled_rows": sum(len(part["scores"]["labels"]) for part in parts),
        }
    return evaluation


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--f32", required=True, type=Path)
    parser.add_argument("--dequantised", required=True, type=Path)
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs, one folder a stage")
    parser.add_argument("--share", required=True, type=float, help="of the common model in every average")
    parser.add_argument("--parts", nargs="*", default=["stored", *GROUPS])
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path())
    parser.add_argument("--out", default=Path(__file__).resolve().parent / "evaluation.json", type=Path)
    options = parser.parse_args()

    measured = options.runs / "measured"
    measured.mkdir(exist_ok=True)
    for part in options.parts:
        content = stored(options) if part == "stored" else held_out(options, part)
        (measured / f"{part}.json").write_text(json.dumps(content), encoding="utf-8")
    options.out.write_text(json.dumps(merge(measured), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
