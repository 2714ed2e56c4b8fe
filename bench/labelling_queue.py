#!/usr/bin/env python3
"""What a model learns from the texts that the labelling queue chose, against as many chosen by chance.

    python bench/labelling_queue.py --valence build/valence --data ../shared/data

For each set and seed: `valence serve` classifies --pool texts, drawn by the seed, with the built-in model and keeps them; `valence feedback queue` names --count of
them. `valence train` then learns from the built-in model and these, and in the other case from as many drawn at random, with their true labels and
the same settings (its own, unless --train says others); both are measured on the whole dev split. With --first N the model that classifies and the two that are
trained have seen N more rows, which makes it work for sets with labels of their own. The built-in model has seen neither of the two sets that are
read by default. Every seed is printed, then the means. Standard library only.
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

from few_shot import read_split
from rows import write_rows

SETS = ["airline_tweets", "financial_phrasebank"]


def run(arguments, *command, **environment):
    done = subprocess.run([arguments.valence, *map(str, command)], capture_output=True, text=True, check=False,
                          env={**os.environ, "OMP_NUM_THREADS": "1", **environment})
    if done.returncode != 0:
        raise SystemExit(f"valence {' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def train(arguments, rows, directory, seed):
    data = directory.with_suffix(".csv")
    write_rows(data, rows)
    run(arguments, "train", data, "-m", arguments.model, "--output-dir", directory, "--eval-split", 0, "--seed", seed, "--save-strategy", "no", "--quiet",
        *arguments.train.split())
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
    rows = sorted(set(read_split(arguments.data / name, "train")))
    random.Random(seed).shuffle(rows)
    first, pool = rows[:arguments.first], rows[arguments.first:arguments.first + arguments.pool]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        dev = folder / "dev.csv"
        write_rows(dev, read_split(arguments.data / name, "dev"))
        model = train(arguments, first, folder / "first", seed) if first else arguments.model
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
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--pool", type=int, default=2000)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--train", default="", help="options for valence train, in one word")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()

    for name in arguments.sets:
        results = []
        for seed in arguments.seeds:
            results.append(one(arguments, name, seed))
            print(f"{name} seed {seed}: " + ", ".join(f"{what} {100 * accuracy:.1f} % ({100 * f1:.1f})" for what, (accuracy, f1) in
                                                      zip(("before", "random", "queue"), results[-1])), flush=True)
        means = [[statistics.mean(result[kind][figure] for result in results) for figure in (0, 1)] for kind in range(3)]
        print(f"{name}: mean of {len(results)} seeds: accuracy (macro F1) before {100 * means[0][0]:.1f} % ({100 * means[0][1]:.1f}), "
              f"+ {arguments.count} random {100 * means[1][0]:.1f} % ({100 * means[1][1]:.1f}), "
              f"+ {arguments.count} of the queue {100 * means[2][0]:.1f} % ({100 * means[2][1]:.1f})", flush=True)


if __name__ == "__main__":
    main()
