#!/usr/bin/env python3
"""What a model learns from the texts that the labelling queue chose, against as many chosen by chance.

    python bench/labelling_queue.py --valence build/valence --data ../shared/data

For each set and seed: a first model is trained on --first rows drawn by the seed. `valence serve` classifies --pool other texts with it and keeps
them; `valence feedback queue` names --count of them. Two models are then trained from the same base on the first rows and
that many more, the queue's in one case and randomly drawn ones in the other, with their true labels and the same settings, and measured on the whole
dev split. Every seed is printed, then the means. Standard library only.
"""

import argparse
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import urllib.request

from few_shot import read_rows, write_rows

SETS = ["trec_questions", "app_reviews", "tweet_emotion"]


def run(arguments, *command, **environment):
    done = subprocess.run([arguments.valence, *map(str, command)], capture_output=True, text=True, check=False,
                          env={**os.environ, "OMP_NUM_THREADS": "1", **environment})
    if done.returncode != 0:
        raise SystemExit(f"valence {' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def train(arguments, rows, directory, seed):
    data = directory.with_suffix(".csv")
    write_rows(data, rows)
    run(arguments, "train", data, "-m", arguments.model, "--method", arguments.method, "--output-dir", directory, "--eval-split", 0, "--seed", seed,
        "--num-train-epochs", arguments.epochs, "--learning-rate", arguments.learning_rate, "--batch-size", arguments.batch_size, "--save-strategy", "no", "--quiet")
    return directory


def measure(arguments, model, dev):
    figures = json.loads(run(arguments, "eval", dev, "-m", model, "--json", "--bootstrap", 0))["figures"]
    return figures["accuracy"]["value"], figures["macro_f1"]["value"]


def queue_of(arguments, model, pool, folder):
    """Indices into `pool`, in the order in which `valence feedback queue` names them."""
    database = folder / "history.db"
    command = [arguments.valence, "serve", "-m", f"default={model}", "--port", "0", "--store-text", "full", "--history-db", database, "--spool-dir",
               folder / "spool"]
    server = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True)
    try:
        url = next(found[1] for line in server.stderr if (found := re.search(r"listening on (\S+)", line)))
        for begin in range(0, len(pool), 100):
            texts = [{"text": text, "id": f"pool-{i}"} for i, (text, _) in enumerate(pool[begin:begin + 100], begin)]
            request = urllib.request.Request(f"{url}/v1/classify", json.dumps({"texts": texts}).encode(), {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=120) as reply:
                reply.read()
    finally:
        server.terminate()  # hands what is in the spool to the history
        server.stderr.read()
        server.wait()
    out = folder / "queue.jsonl"
    run(arguments, "feedback", "queue", "-n", arguments.count, "-f", "jsonl", "-o", out, "--history-db", database, "--quiet")
    return [int(json.loads(line)["record_id"].removeprefix("pool-")) for line in out.read_text().splitlines()]


def one(arguments, name, seed):
    """(accuracy, macro F1) with the first rows alone, with random ones, with the queue's."""
    rows = sorted(set(read_rows(arguments.data / name, "train")))
    random.Random(seed).shuffle(rows)
    first, pool = rows[:arguments.first], rows[arguments.first:arguments.first + arguments.pool]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        dev = folder / "dev.csv"
        write_rows(dev, read_rows(arguments.data / name, "dev"))
        model = train(arguments, first, folder / "first", seed)
        chosen = [pool[i] for i in queue_of(arguments, model, pool, folder)]
        drawn = pool[:arguments.count]  # the pool is in random order
        assert len(chosen) == len(drawn) == arguments.count, (len(chosen), len(drawn))
        return [measure(arguments, model, dev), measure(arguments, train(arguments, first + drawn, folder / "random", seed), dev),
                measure(arguments, train(arguments, first + chosen, folder / "queue", seed), dev)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--model", default="default")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--pool", type=int, default=2000)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--method", default="head")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--learning-rate", default="5e-3")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()

    for name in arguments.sets:
        results = []
        for seed in arguments.seeds:
            results.append(one(arguments, name, seed))
            print(f"{name} seed {seed}: " + ", ".join(f"{what} {100 * accuracy:.1f} % ({100 * f1:.1f})" for what, (accuracy, f1) in
                                                      zip(("first", "random", "queue"), results[-1])), flush=True)
        means = [[statistics.mean(result[kind][figure] for result in results) for figure in (0, 1)] for kind in range(3)]
        print(f"{name}: mean of {len(results)} seeds: accuracy (macro F1) with {arguments.first} rows {100 * means[0][0]:.1f} % ({100 * means[0][1]:.1f}), "
              f"+ {arguments.count} random {100 * means[1][0]:.1f} % ({100 * means[1][1]:.1f}), "
              f"+ {arguments.count} of the queue {100 * means[2][0]:.1f} % ({100 * means[2][1]:.1f})", flush=True)


if __name__ == "__main__":
    main()
