"""One training stage: `common` from the base model; `final`, or a held-out group, from common; `polish` from final."""

import argparse
import random
import time
from pathlib import Path

import torch
from batches import collate, encode, load_tokenizer, plan
from classifier import base_directory, load, logits
from evaluate import report_dev
from frames import PlainGuard, default_plain_path
from mixture import STAGES, seed_of, shares, stage_rows
from sources import GROUPS, LABELS, read_training

LABEL_SMOOTHING = 0.1


def masked_loss(batch_logits, labels, allowed):
    """Cross-entropy with label smoothing over each row's own label set. allowed: [rows, 3] bool."""
    log_scores = batch_logits.masked_fill(~allowed, -1e9).log_softmax(-1)
    on_label = -log_scores.gather(1, labels[:, None]).squeeze(1)
    smooth = -(log_scores * allowed).sum(-1) / allowed.sum(-1)
    return ((1 - LABEL_SMOOTHING) * on_label + LABEL_SMOOTHING * smooth).mean()


def learning_rate(step, steps, peak, last):
    """Linear warm-up over 6 %, then linear decay to `last`."""
    warm_up = max(1, round(0.06 * steps))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return last + (peak - last) * (steps - step) / (steps - warm_up)


def optimiser(model, peak):
    decayed = [p for p in model.parameters() if p.dim() == 2]
    plain = [p for p in model.parameters() if p.dim() < 2]  # biases and LayerNorm are not pulled towards zero
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.98), fused=True)


def train(model, rows, encoded, options, log):
    allowed = torch.zeros(len(rows), len(LABELS), dtype=torch.bool)
    for index, row in enumerate(rows):
        allowed[index, list(row.allowed)] = True
    labels = torch.tensor([row.label for row in rows])
    batches = plan([len(ids) for ids in encoded], options.token_budget, options.seed)
    adam = optimiser(model, options.lr)
    model.train()
    started, tokens, running = time.monotonic(), 0, None
    for step, batch in enumerate(batches):
        rate = learning_rate(step, len(batches), options.lr, options.last_lr)
        for group in adam.param_groups:
            group["lr"] = rate
        input_ids, attention_mask = collate(encoded, batch)
        loss = masked_loss(logits(model, input_ids, attention_mask), labels[batch], allowed[batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        tokens += int(attention_mask.sum())
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if step % 50 == 0 or step + 1 == len(batches):
            seconds = time.monotonic() - started
            log(f"step {step + 1}/{len(batches)} loss {running:.4f} {tokens / seconds:.0f} tokens/s {seconds:.0f} s")


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", required=True, choices=STAGES)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--plain", default=default_plain_path(), help="the lines whose frames are kept out")
    parser.add_argument("--init", help="Hugging Face directory to start from; default: all-MiniLM-L6-v2")
    parser.add_argument("--out", required=True)
    parser.add_argument("--lr", type=float, default=8e-5)
    parser.add_argument("--last-lr", type=float, default=0.0)
    parser.add_argument("--token-budget", type=int, default=2000)
    parser.add_argument("--fraction", type=float, default=1.0, help="share of the stage's rows; the held-out runs take 0.35")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.seed = seed_of(options.stage)
    return options


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    log_file = open(out / "train.log", "w", buffering=1, encoding="utf-8")

    def log(line):
        print(line, flush=True)
        log_file.write(line + "\n")

    guard = PlainGuard.from_csv(options.plain)
    training, _ = read_training(options.data, list(shares(options.stage)), guard, log)
    rows = stage_rows(training, options.stage, guard, options.seed)
    if options.fraction < 1.0:
        rows = random.Random(options.seed).sample(rows, round(options.fraction * len(rows)))
    tokenizer = load_tokenizer(base_directory())
    encoded = encode(tokenizer, [row.text for row in rows], rng=random.Random(options.seed))
    log(f"stage {options.stage}: {len(rows)} rows, {sum(map(len, encoded))} tokens")

    model = load(options.init or base_directory())
    train(model, rows, encoded, options, log)
    model.save_pretrained(out)
    tokenizer.save(str(out / "tokenizer.json"))
    if options.stage in GROUPS:
        return  # measure.py looks at what a held-out run never saw
    for line in report_dev(model, tokenizer, options.data):
        log(line)


if __name__ == "__main__":
    main()
