"""evaluation.json: the shipped weights on dev, the held-out models on what they never saw, the plain sentences."""

import argparse
import json
from pathlib import Path

import torch
from batches import load_tokenizer
from calibrate import fit_temperature
from classifier import load
from evaluate import DEV_SETS, dev_figures, dev_logits, expected_calibration_error, figures, plain_figures, scores_over
from frames import PlainGuard, default_plain_path
from sources import GROUPS


def held_out_group(directory, common, group, data, guard):
    """(the group's table entry, its rows' scores and labels as trained, the same with the model's own temperature)."""
    model, tokenizer = load(directory), load_tokenizer(directory)
    temperature, account = fit_temperature(model, load(common), tokenizer, data, group, guard)
    entry = {"calibration": account, "sets": {}}
    raw, calibrated = [], []
    for name in GROUPS[group]:
        batch_logits, labels = dev_logits(model, tokenizer, data, name)
        before = scores_over(batch_logits, DEV_SETS[name])
        after = scores_over(batch_logits / temperature, DEV_SETS[name])
        entry["sets"][name] = figures(after, labels) | {
            "ece_as_trained": round(expected_calibration_error(before, labels), 4),
            "ece": round(expected_calibration_error(after, labels), 4),
        }
        raw.append((before, labels))
        calibrated.append((after, labels))
    return entry, raw, calibrated


def pooled_ece(parts):
    scores, labels = zip(*parts, strict=True)
    return round(expected_calibration_error(torch.cat(scores), torch.cat(labels)), 4)


def held_out_table(runs, data, guard):
    table, raw, calibrated = {}, [], []
    for group in GROUPS:
        if not (runs / group / "model.safetensors").exists():
            continue
        table[group], group_raw, group_calibrated = held_out_group(runs / group, runs / "common", group, data, guard)
        raw += group_raw
        calibrated += group_calibrated
    if not table:
        return {}
    return {"groups": table, "pooled_ece_as_trained": pooled_ece(raw), "pooled_ece": pooled_ece(calibrated),
            "pooled_rows": sum(len(labels) for _, labels in raw)}  # fmt: skip


def against_f32(int8_logits, f32_logits):
    """How far rounding to int8 moves the answers."""
    a, b = torch.cat(list(int8_logits.values())), torch.cat(list(f32_logits.values()))
    return {
        "same_label": round((a.argmax(-1) == b.argmax(-1)).float().mean().item(), 4),
        "largest_logit_difference": round((a - b).abs().max().item(), 4),
        "mean_logit_difference": round((a - b).abs().mean().item(), 4),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--f32", required=True)
    parser.add_argument("--dequantised", required=True)
    parser.add_argument("--runs", required=True, type=Path, help="folder of the runs, one folder a stage")
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path())
    parser.add_argument("--out", default=Path(__file__).resolve().parent / "evaluation.json", type=Path)
    options = parser.parse_args()

    guard = PlainGuard.from_csv(options.plain)
    tokenizer = load_tokenizer(options.dequantised)
    stored, unrounded = load(options.dequantised), load(options.f32)
    int8_table, int8_logits = dev_figures(stored, tokenizer, options.data)
    f32_table, f32_logits = dev_figures(unrounded, tokenizer, options.data)
    evaluation = {
        "dev_int8": int8_table,
        "dev_f32": f32_table,
        "int8_against_f32": against_f32(int8_logits, f32_logits),
        "plain_sentences_int8": plain_figures(stored, tokenizer, options.plain),
        "plain_sentences_f32_right": plain_figures(unrounded, tokenizer, options.plain)["right"],
        "calibration": json.loads((Path(options.f32) / "calibration.json").read_text()),
        "held_out": held_out_table(options.runs, options.data, guard),
    }
    options.out.write_text(json.dumps(evaluation, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(evaluation, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
