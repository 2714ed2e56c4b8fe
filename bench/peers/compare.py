#!/usr/bin/env python3
"""valence and the fastest f32 engines of PyPI on the same token ids, on one core, interleaved. See README.md."""

import argparse
import json
import os
import platform
import statistics
import sys
from pathlib import Path


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--encoder-bench", default=root / "build/bench/encoder_bench", help="our program")
    parser.add_argument("--shared", type=Path, default=root.parent / "shared", help="holds data/ and tokenizers/")
    parser.add_argument("--folder", type=Path, default=root / "build/peers", help="where the models are made")
    parser.add_argument("--engines", default="", help="comma-separated; default: all")
    parser.add_argument("--workloads", default="sst2,imdb")
    parser.add_argument("--every", default="4,2", help="take every k-th block of 64 texts, a number a workload")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall", help="cpu: time of the process, for a busy machine"
    )
    parser.add_argument("--json", type=Path, help="write every measurement here")
    parser.add_argument("--limit", type=int, help="only so many texts: to try the script")
    parser.add_argument("--layers", type=int, default=6, help="a shallower model: to try the script")
    return parser.parse_args()


def pin_to(core):
    """Before anything starts threads: this process and its children stay on one core, one thread each."""
    os.sched_setaffinity(0, {core})
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS"):
        os.environ[variable] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def elapsed(measured, clock):
    return measured.cpu_seconds if clock == "cpu" else measured.seconds


def best_batch(engine, workload, clock):
    """(batch size, first pass): the fastest of the engine's batch sizes, each timed once after a warm-up."""
    timed = {}
    for size in engine.batch_sizes:
        engine.warm_up(workload, size)
        timed[size] = engine.measure(workload, size)
    size = min(timed, key=lambda s: elapsed(timed[s], clock))
    rates = ", ".join(f"{s}: {workload.tokens / elapsed(p, clock):,.0f}" for s, p in timed.items())
    print(f"  {engine.name:<14} tokens/s by batch of {engine.unit}: {rates}", flush=True)
    return size, timed[size]


def compare(workload, engines, rounds, clock):
    """A row an engine: its best batch, then `rounds` interleaved measurements."""
    print(f"\n{workload.name} {workload.order}: {len(workload.sequences)} texts, {workload.tokens} tokens", flush=True)
    chosen = {engine: best_batch(engine, workload, clock) for engine in engines}
    reference = chosen[engines[-1]][1].logits
    seconds = {engine: [] for engine in engines}
    peaks = []
    for number in range(rounds):
        shift = number % len(engines)  # nobody is always first
        for engine in engines[shift:] + engines[:shift]:
            measured = engine.measure(workload, chosen[engine][0])
            seconds[engine].append(elapsed(measured, clock))
            if measured.peak_gflops:
                peaks.append(measured.peak_gflops)
    peak = statistics.median(peaks) if peaks else None

    rows = []
    for engine in engines:
        middle = statistics.median(seconds[engine])
        logits = chosen[engine][1].logits
        rows.append(
            {
                "workload": workload.name,
                "order": workload.order,
                "texts": len(workload.sequences),
                "tokens": workload.tokens,
                "engine": engine.name,
                "batch": f"{chosen[engine][0]} {engine.unit}",
                "tokens_per_second": workload.tokens / middle,
                "share_of_f32_peak": chosen[engine][1].gflop / middle / peak if peak else None,
                "peak_gflops": peak,
                "seconds": seconds[engine],
                "logit_difference": float(abs(logits - reference).max() / abs(reference).max()),
            }
        )
    return rows


def print_table(rows):
    print("\n| texts | order | engine | batch | tokens/s | spread | of f32 peak | valence is | logits differ |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        ours = [r for r in rows if r["engine"] == "valence" and same_workload(r, row)]
        ratio = f"{ours[0]['tokens_per_second'] / row['tokens_per_second']:.2f} ×" if ours else ""
        spread = (max(row["seconds"]) - min(row["seconds"])) / statistics.median(row["seconds"])
        share = f"{row['share_of_f32_peak']:.1%}" if row["share_of_f32_peak"] else ""
        print(
            f"| {row['workload']} | {row['order']} | {row['engine']} | {row['batch']} | "
            f"{row['tokens_per_second']:,.0f} | {spread:.0%} | {share} | {ratio} | {row['logit_difference']:.0e} |"
        )
    for key in dict.fromkeys((row["workload"], row["order"]) for row in rows):
        group = [row for row in rows if (row["workload"], row["order"]) == key]
        ours = next((row for row in group if row["engine"] == "valence"), None)
        peers = [row for row in group if row["engine"] != "valence"]
        if ours and peers:
            fastest = max(peers, key=lambda row: row["tokens_per_second"])
            ratio = ours["tokens_per_second"] / fastest["tokens_per_second"]
            print(f"{' '.join(key)}: {ratio:.2f} × the fastest peer ({fastest['engine']})")


def same_workload(a, b):
    return a["workload"] == b["workload"] and a["order"] == b["order"]


def main():
    options = arguments()
    pin_to(options.core)
    # Only now: these libraries size their thread pools when they are loaded.
    import onnxruntime
    import tokenizers
    import torch
    import transformers

    import engines
    import models
    import workload

    torch.set_num_threads(1)
    versions = {
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    fused = models.make(options.folder / f"distilbert-{options.layers}", options.layers)
    names = options.engines.split(",") if options.engines else list(engines.ALL)
    if unknown := set(names) - set(engines.ALL):
        sys.exit(f"unknown engine {', '.join(unknown)}: expected some of {', '.join(engines.ALL)}")
    folder = options.folder / f"distilbert-{options.layers}"
    running = [engines.make(name, folder, options.encoder_bench, options.layers) for name in names]

    print(f"{cpu_model()}, core {options.core}, one thread; load average {os.getloadavg()[0]:.1f}")
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    print(f"fused by onnxruntime.transformers: {fused}")
    rows = []
    for name, every in zip(options.workloads.split(","), options.every.split(","), strict=True):
        for work in workload.load(options.shared, name, int(every), options.limit):
            rows += compare(work, running, options.rounds, options.clock)
    print_table(rows)
    print(f"median of {options.rounds} rounds by the {options.clock} clock")
    print(f"every k-th block of 64 texts: k = {options.every} for {options.workloads}")
    if options.json:
        settings = {"every": options.every, "clock": options.clock, "rounds": options.rounds}
        report = {"cpu": cpu_model(), "versions": versions, "fused": fused, **settings, "rows": rows}
        options.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
