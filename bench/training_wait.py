#!/usr/bin/env python3
"""What a user waits for: `valence train` and transformers' Trainer, as people run them, from a CSV to a model that was measured.

    python bench/training_wait.py --model DIR --rows tweets.csv [--epochs 3] [--batch 32 --learning-rate 1e-4]

Whole wall-clock times in one run: reading, tokenizing, training, evaluation and checkpoint after each epoch, the best model
at the end. Trainer: f32, batches of 8, dynamic padding, its other defaults. valence: --bf16 and the options given. A tenth of
the rows is kept out for both to be measured on. Needs torch, transformers and accelerate.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from hf_trainer import make_trainer
from rows import read_rows, write_rows


def trainer(arguments):
    """In a process of its own: imports count, as they do for a user."""
    folder = pathlib.Path(arguments.trainer)
    rows = {split: read_rows(folder / f"{split}.csv") for split in ("train", "dev")}
    run = make_trainer(arguments.model, rows["train"], rows["dev"], arguments.threads, folder / "trainer",
                       num_train_epochs=arguments.epochs, per_device_train_batch_size=8, eval_strategy="epoch",
                       save_strategy="epoch", load_best_model_at_end=True, metric_for_best_model="accuracy",
                       save_total_limit=1)  # fmt: skip
    run.train()
    print(json.dumps(max(entry["eval_accuracy"] for entry in run.state.log_history if "eval_accuracy" in entry)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--model", required=True)
    parser.add_argument("--rows", help="a CSV with text and label")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8, help="of valence")
    parser.add_argument("--learning-rate", default="5e-5", help="of valence")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trainer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.trainer:
        return trainer(arguments)
    if not arguments.rows:
        parser.error("--rows is missing")
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments.threads), "TOKENIZERS_PARALLELISM": "false"}
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        rows = read_rows(arguments.rows)
        write_rows(folder / "train.csv", [row for i, row in enumerate(rows) if i % 10 != 9])
        write_rows(folder / "dev.csv", rows[9::10])
        ours = [arguments.valence, "train", folder / "train.csv", "--eval-data", folder / "dev.csv", "-m", arguments.model,
                "--output-dir", folder / "ours", "--bf16", "--num-train-epochs", str(arguments.epochs),
                "--per-device-train-batch-size", str(arguments.batch), "--learning-rate", arguments.learning_rate,
                "--threads", str(arguments.threads), "--quiet", "--json"]  # fmt: skip
        theirs = [sys.executable, __file__, "--trainer", folder, "--model", arguments.model, "--epochs", str(arguments.epochs),
                  "--threads", str(arguments.threads)]  # fmt: skip
        seconds, said = {}, {}
        for name, command in (("valence", ours), ("Trainer", theirs)):
            begin = time.perf_counter()
            out = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            seconds[name] = time.perf_counter() - begin
            said[name] = out.stdout.decode()
            shutil.rmtree(folder / "trainer", ignore_errors=True)
        accuracy = {"valence": json.loads(said["valence"])["best"]["eval_accuracy"],
                    "Trainer": json.loads(said["Trainer"].splitlines()[-1])}  # fmt: skip
        for name in seconds:
            print(f"{name}: {seconds[name]:.1f} s, accuracy {100 * accuracy[name]:.1f} %")
        print(f"ratio {seconds['Trainer'] / seconds['valence']:.2f}")


if __name__ == "__main__":
    main()
