#!/usr/bin/env python3
"""Training speed beside transformers' Trainer: the same rows, batch size, threads and model in one run.

    python bench/training_peers.py --valence build/valence --model DIR --data ../shared/data --threads 2

Both learn all parameters of DIR in f32 with AdamW, dynamic padding on Trainer's side, for as many steps on each of sst2
(short texts) and imdb (cut at 512 tokens); they take turns, and the median of --rounds counts. Rates are real tokens,
padding left out, per second of training steps; memory is the peak of the process. With --bf16, Trainer's bf16=True and
`valence train --bf16` take their turns as well, and valence is held against the faster of Trainer's two; on a CPU where
valence finds f32 faster, its column is f32 again. Needs torch, transformers, accelerate.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from hf_trainer import make_trainer
from rows import read_rows, write_rows

STEPS = {("sst2", 8): 80, ("sst2", 32): 40, ("imdb", 8): 10, ("imdb", 32): 4}
SKIPPED = 2  # steps that warm caches


def trainer(arguments):
    """Runs in a process of its own, so that memory is its own."""
    from transformers import DataCollatorWithPadding, TrainerCallback

    tokens, times = [], []

    class Collate(DataCollatorWithPadding):
        def __call__(self, features):
            tokens.append(sum(len(feature["input_ids"]) for feature in features))
            return super().__call__(features)

    class Clock(TrainerCallback):
        def on_step_begin(self, *_, **__):
            times.append(time.perf_counter())

        def on_train_end(self, *_, **__):
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as directory:
        loop = make_trainer(arguments.model, read_rows(arguments.rows), None, arguments.threads, directory, max_length=512,
                            collator=Collate, callbacks=[Clock()], max_steps=arguments.steps, save_strategy="no",
                            per_device_train_batch_size=arguments.batch, logging_strategy="no", bf16=arguments.bf16,
                            seed=arguments.seed)  # fmt: skip
        loop.train()
    steps = arguments.steps
    print(json.dumps({"tokens_per_second": sum(tokens[SKIPPED:steps]) / (times[steps] - times[SKIPPED]),
                      "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def run_trainer(arguments, rows, batch, steps, bf16, seed):
    command = [sys.executable, __file__, "--trainer", "--rows", rows, "--model", arguments.model, "--batch", str(batch),
               "--steps", str(steps), "--threads", str(arguments.threads), "--seed", str(seed)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "TOKENIZERS_PARALLELISM": "false"}
    out = subprocess.run(command + (["--bf16"] if bf16 else []), env=environment, check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    return json.loads(out.stdout.decode().splitlines()[-1])


def run_valence(arguments, rows, batch, steps, seed, directory, bf16):
    target = pathlib.Path(directory) / "out"
    shutil.rmtree(target, ignore_errors=True)
    process = subprocess.Popen(
        [arguments.valence, "train", rows, "-m", arguments.model, "--output-dir", target, "--max-steps", str(steps),
         "--per-device-train-batch-size", str(batch), "--eval-split", "0", "--save-strategy", "no", "--quiet", "--json",
         "--threads", str(arguments.threads), "--seed", str(seed)] + (["--bf16"] if bf16 else []),
        stdout=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise SystemExit(f"valence train failed with status {status}")
    report = json.loads(out)
    return {"tokens_per_second": report["tokens"] / report["training_seconds"], "peak_bytes": usage.ru_maxrss * 1024}


def median(results, key):
    return statistics.median(result[key] for result in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="SET", help="sst2, imdb")
    parser.add_argument("--trainer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rows", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--bf16", action="store_true", help="beside f32, also Trainer's bf16=True and --bf16 of valence")
    arguments = parser.parse_args()
    if arguments.trainer:
        return trainer(arguments)
    columns = ["rows", "batch", "Trainer f32, tokens/s", "valence f32, tokens/s", "ratio", "memory, Trainer", "valence",
               "ratio"]
    if arguments.bf16:
        columns += ["Trainer bf16, tokens/s", "valence --bf16, tokens/s", "ratio to Trainer's best"]
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for (name, batch), steps in STEPS.items():
        if arguments.only and name not in arguments.only:
            continue
        source = arguments.data / name / ("train.csv.gz" if name == "imdb" else "train.csv")
        with tempfile.TemporaryDirectory() as directory:
            rows = str(pathlib.Path(directory) / "rows.csv")
            write_rows(rows, read_rows(source, steps * batch * 4))
            peer, ours = {False: [], True: []}, {False: [], True: []}
            for seed in range(arguments.rounds):
                for bf16 in (False, True) if arguments.bf16 else (False,):
                    peer[bf16].append(run_trainer(arguments, rows, batch, steps, bf16, seed))
                    ours[bf16].append(run_valence(arguments, rows, batch, steps, seed, directory, bf16))
        rate, peer_rate = median(ours[False], "tokens_per_second"), median(peer[False], "tokens_per_second")
        memory, peer_memory = median(ours[False], "peak_bytes") / 1e6, median(peer[False], "peak_bytes") / 1e6
        cells = [name, batch, f"{peer_rate:,.0f}", f"{rate:,.0f}", f"{rate / peer_rate:.2f}", f"{peer_memory:,.0f} MB",
                 f"{memory:,.0f} MB", f"{memory / peer_memory:.2f}"]
        if arguments.bf16:
            rate, peer_bf16 = median(ours[True], "tokens_per_second"), median(peer[True], "tokens_per_second")
            cells += [f"{peer_bf16:,.0f}", f"{rate:,.0f}", f"{rate / max(peer_rate, peer_bf16):.2f}"]
        print("| " + " | ".join(map(str, cells)) + " |", flush=True)


if __name__ == "__main__":
    main()
