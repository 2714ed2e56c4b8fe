#!/usr/bin/env python3
"""What is learned beside transformers' Trainer and peft: the same rows, base and hyperparameters, accuracy on dev rows.

    python bench/training_quality.py --model DIR --rows train.csv --dev dev.csv [--method lora] [--seeds 0 1 2 3 4]

Both learn in f32 (--bf16: both in bf16), 2 epochs in batches of 32 of texts cut at 128 tokens, and are measured after the last
epoch; every seed is printed, then the means. LoRA: r 8, alpha 16, dropout 0.1, query and value. Needs torch, transformers,
accelerate and, for LoRA, peft.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from hf_trainer import make_trainer
from rows import read_rows, write_rows

LORA = {"r": 8, "lora_alpha": 16, "lora_dropout": 0.1}


def trainer(arguments, seed):
    run = make_trainer(arguments.model, read_rows(arguments.rows, arguments.limit), read_rows(arguments.dev), arguments.threads,
                       arguments.trainer_output, max_length=128, lora=LORA if arguments.method == "lora" else None, seed=seed,
                       num_train_epochs=arguments.epochs, per_device_train_batch_size=arguments.batch,
                       learning_rate=arguments.learning_rate, bf16=arguments.bf16, save_strategy="no")  # fmt: skip
    run.train()
    print(json.dumps(run.evaluate()["eval_accuracy"]))


def valence(arguments, rows, seed, folder):
    command = [arguments.valence, "train", rows, "--eval-data", arguments.dev, "-m", arguments.model, "--output-dir", folder,
               "--num-train-epochs", str(arguments.epochs), "--per-device-train-batch-size", str(arguments.batch),
               "--learning-rate", str(arguments.learning_rate), "--max-length", "128", "--seed", str(seed), "--save-strategy",
               "no", "--load-best-model-at-end", "false", "--threads", str(arguments.threads), "--quiet", "--json"]  # fmt: skip
    if arguments.method == "lora":
        command += ["--method", "lora"]
        command += [word for name, value in LORA.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    out = subprocess.run(command + (["--bf16"] if arguments.bf16 else []), check=True, stdout=subprocess.PIPE)
    return json.loads(out.stdout)["last"]["eval_accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", required=True, help="a CSV with text and label to learn from")
    parser.add_argument("--dev", required=True, help="one to measure on")
    parser.add_argument("--limit", type=int, help="only the first so many rows to learn from")
    parser.add_argument("--method", choices=("full", "lora"), default="full")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, help="1e-4, with LoRA 5e-4, unless said")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=("valence", "Trainer"), help="run one of the two")
    parser.add_argument("--trainer-output", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.learning_rate is None:
        arguments.learning_rate = 5e-4 if arguments.method == "lora" else 1e-4
    if arguments.trainer_output:
        return trainer(arguments, arguments.seeds[0])
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "TOKENIZERS_PARALLELISM": "false"}
    scores = {"valence": [], "Trainer": []}
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as directory:
            folder = pathlib.Path(directory)
            rows = folder / "train.csv"
            write_rows(rows, read_rows(arguments.rows, arguments.limit))
            if arguments.only != "Trainer":
                scores["valence"].append(valence(arguments, rows, seed, folder / "ours"))
            if arguments.only != "valence":
                command = [sys.executable, __file__, *sys.argv[1:], "--trainer-output", folder, "--seeds", str(seed)]
                out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
                scores["Trainer"].append(json.loads(out.stdout.decode().splitlines()[-1]))
        print(f"seed {seed}: " + ", ".join(f"{name} {100 * of[-1]:.1f} %" for name, of in scores.items() if of), flush=True)
    for name, of in scores.items():
        if of:
            print(f"{name}: mean {100 * statistics.mean(of):.2f} %")


if __name__ == "__main__":
    main()
