#!/usr/bin/env python3
"""valence and the fastest engines of PyPI on the same texts and weights, taking turns in one run. See README.md."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import catalog
import chart
import measure
import report
import shapes
import text_in
import workload
from process import PeerProcess, Skipped, Valence

HERE = Path(__file__).resolve().parent
SINGLE_LENGTHS = (16, 128)
SINGLE_TEXTS = 25  # distinct ones of each length


def comma_separated(known):
    def parse(value):
        names = value.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: expected some of {', '.join(known)}")
        return names

    return parse


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    root = HERE.parents[1]
    everyone = [*catalog.OURS, *catalog.PEERS]
    parser.add_argument("--encoder-bench", type=Path, default=root / "build/bench/encoder_bench", help="our program")
    parser.add_argument("--valence", type=Path, default=root / "build/valence", help="our other program")
    parser.add_argument("--shared", type=Path, default=root.parent / "shared", help="holds data/ and tokenizers/")
    parser.add_argument("--folder", type=Path, default=root / "build/peers", help="where the models are made")
    what = parser.add_argument_group("what runs")
    what.add_argument("--models", type=comma_separated(shapes.ALL), default=shapes.DEFAULT)
    what.add_argument("--engines", type=comma_separated(everyone), default=everyone, help="names of catalog.py")
    what.add_argument("--without", type=comma_separated(everyone), default=[], help="all engines but these")
    what.add_argument("--workloads", type=comma_separated(workload.SOURCES), default=list(workload.SOURCES))
    what.add_argument("--orders", type=comma_separated(("sorted", "unsorted")), default=["sorted", "unsorted"])
    what.add_argument(
        "--parts",
        type=comma_separated(("texts", "single", "text-in")),
        default=["texts", "single", "text-in"],
        help="batches of texts; one text at a time; text in, label out",
    )
    what.add_argument("--threads", default="1", help="thread counts, e.g. 1,2: all of it is run at each")
    what.add_argument("--cores", help="cores to use, e.g. 1,0: a run of n threads has the first n [the last ones]")
    much = parser.add_argument_group("how much")
    much.add_argument("--every", default="1", help="every k-th block of 64 texts; or a number a workload: 4,2")
    much.add_argument("--text-in-every", type=int, default=1, help="the same for text in, label out")
    much.add_argument("--rounds", type=int, default=5)
    much.add_argument("--other-rounds", type=int, default=1, help="of engines too slow to be quoted, and of pipelines")
    much.add_argument("--calls", type=int, default=200, help="most calls with one text in a round")
    much.add_argument("--call-seconds", type=float, default=2.0, help="and at most so long")
    much.add_argument("--screen-blocks", type=int, default=4, help="blocks of 64 texts to try batch sizes on")
    much.add_argument("--limit", type=int, help="only so many texts: to try the script")
    much.add_argument("--layers", type=int, default=6, help="shallower models: to try the script")
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="of batches of texts. cpu: of the process, for a busy machine; one thread",
    )
    parser.add_argument("--json", type=Path, help="write every measurement here")
    parser.add_argument("--chart", type=Path, help="draw it here (SVG)")
    return parser.parse_args()


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def open_engine(name, options, folder, cores):
    if name in catalog.OURS:
        return Valence(name, options.encoder_bench, folder, cores)
    return PeerProcess(name, folder, cores)


def open_all(names, opener, skipped):
    engines = []
    for name in names:
        try:
            engines.append(opener(name))
        except Skipped as reason:
            skipped[name] = str(reason)
            print(f"  {name} left out: {reason}", flush=True)
    return engines


class Comparison:
    """One model at one number of threads."""

    def __init__(self, options, shape, folder, cores, found):
        self.options, self.shape, self.folder, self.cores, self.found = options, shape, folder, cores, found
        self.key = {"model": shape.name, "threads": len(cores)}
        self.settings = measure.Options(
            options.rounds,
            options.other_rounds,
            options.clock,
            options.calls,
            options.call_seconds,
            0.0 if len(cores) == 1 else 0.3,
            options.screen_blocks,
        )

    def turns(self, engines):
        for engine in engines:
            self.found["versions"].update(engine.versions)
        return measure.Turns(engines, self.settings, self.folder)

    def wanted(self, names):
        chosen = set(self.options.engines) - set(self.options.without)
        return [name for name in names if name in chosen]

    def run_ids(self, workloads):
        def opener(name):
            return open_engine(name, self.options, self.folder, self.cores)

        turns = self.turns(open_all(self.wanted(catalog.OURS + catalog.ID_PEERS), opener, self.found["skipped"]))
        if "texts" in self.options.parts:
            for work in workloads:
                count = f"{len(work.sequences)} texts, {work.tokens} tokens"
                print(f"\n{self.shape.name}, {work.name} {work.order}: {count}", flush=True)
                before = self.peaks(turns)
                runs = turns.passes(work)
                self.add_texts(work, runs, self.both(before, self.peaks(turns)))
                self.save()
        if "single" in self.options.parts:
            for length in SINGLE_LENGTHS:
                print(f"\n{self.shape.name}, one text of {length} tokens", flush=True)
                self.add_single(turns.single_texts(workload.single_texts(length, SINGLE_TEXTS)), length)
                self.save()
        self.found["skipped"].update(turns.dropped)
        for engine in turns.engines:
            engine.close()

    def save(self):
        """What there is so far: a run that is stopped keeps it."""
        if self.options.json:
            self.options.json.write_text(json.dumps(self.found, indent=1, default=str))

    def peaks(self, turns):
        """What one of our engines measures of the machine, or nothing."""
        ours = next((engine for engine in turns.engines if isinstance(engine, Valence)), None)
        return (ours and turns.ask(ours, ours.peaks)) or {}

    def both(self, before, after):
        peaks = {name: (before[name] + after[name]) / 2 for name in before if name in after}
        self.found["peaks"].append({**self.key, "peaks": peaks})
        return peaks

    def add_texts(self, work, runs, peaks):
        reference = next((run.logits for run in runs if run.engine.name == catalog.REFERENCE), None)
        nominal = self.shape.gflop(work.sequences)
        for run in runs:
            middle = measure.median(run.seconds)
            ours = isinstance(run.engine, Valence)
            peak = report.peak_of(run.engine.precision, peaks, os.environ.get("VALENCE_ISA", "") if ours else "")
            done = self.shape.gflop_of_first_tokens(work.sequences) if ours else nominal
            difference, equal = agreement(run.logits, reference)
            self.found["texts"].append(
                {
                    **self.key,
                    **{"workload": work.name, "order": work.order},
                    **{"texts": len(work.sequences), "tokens": work.tokens},
                    **{"engine": run.engine.name, "precision": run.engine.precision},
                    "batch": f"{run.batch} {run.engine.unit}",
                    "tokens_per_second": work.tokens / middle,
                    "gflops": nominal / middle,
                    "peak_gops": peak,
                    "share_of_peak": nominal / middle / peak if peak else None,
                    "share_done": done / middle / peak if peak else None,
                    "logit_difference": difference,
                    "labels_equal": equal,
                    "seconds": run.seconds,
                }
            )

    def add_single(self, calls, length):
        for engine, rounds in calls.items():
            seconds = [second for calls_of_round in rounds for second in calls_of_round]
            self.found["single"].append(
                {
                    **self.key,
                    **{"workload": f"{length} tokens", "order": ""},
                    **{"engine": engine.name, "precision": engine.precision},
                    "p50_ms": 1e3 * measure.median([measure.percentile(r, 0.5) for r in rounds]),
                    "p99_ms": 1e3 * measure.percentile(seconds, 0.99),
                    "calls": len(seconds),
                    "round_p50_ms": [1e3 * measure.percentile(r, 0.5) for r in rounds],
                }
            )

    def run_text_in(self, work):
        def opener(name):
            if name in catalog.OURS:
                return text_in.ValenceClassify(name, self.options.valence, self.folder, self.cores)
            return PeerProcess(name, self.folder, self.cores)

        print(f"\n{self.shape.name}, text in, label out: {len(work.texts)} texts of {work.name}", flush=True)
        # A precision that classify runs as another one would be measured twice.
        without = {name for name in catalog.OURS if name in self.found["skipped"]}
        names = [name for name in self.wanted(catalog.OURS + catalog.PIPELINES) if name not in without]
        turns = self.turns(open_all(names, opener, self.found["skipped"]))
        for entry in text_in.compare(turns, work):
            engine, middle = entry["engine"], measure.median(entry["seconds"])
            self.found["text_in"].append(
                {
                    **self.key,
                    **{"workload": work.name, "texts": len(work.texts)},
                    **{"engine": engine.name, "precision": engine.precision},
                    "batch": f"{entry['batch']} {engine.unit}",
                    "texts_per_second": len(work.texts) / middle,
                    "seconds": entry["seconds"],
                    "start_seconds": measure.median(entry["start_seconds"]),
                }
            )
        self.found["skipped"].update(turns.dropped)
        for engine in turns.engines:
            engine.close()


def agreement(logits, reference):
    """(largest difference as a share of the largest reference logit, share of equal labels)."""
    if not logits or not reference:
        return None, None
    largest = max(map(abs, reference))
    difference = max(abs(a - b) for a, b in zip(logits, reference, strict=True)) / largest
    labels = [[a < b for a, b in zip(values[::2], values[1::2], strict=True)] for values in (logits, reference)]
    return difference, sum(a == b for a, b in zip(*labels, strict=True)) / len(labels[0])


def main():
    options = arguments()
    thread_counts = [int(count) for count in options.threads.split(",")]
    usable = sorted(os.sched_getaffinity(0), reverse=True)
    cores = [int(core) for core in options.cores.split(",")] if options.cores else usable
    if max(thread_counts) > len(cores):
        sys.exit(f"--threads {options.threads}: {len(cores)} cores to run on")
    if options.clock == "cpu" and max(thread_counts) > 1:
        sys.exit("--clock cpu: adds up the threads; for one thread only")
    print(f"{cpu_model()}, cores {cores}; load average {os.getloadavg()[0]:.1f}")

    found = {"versions": {"python": platform.python_version()}, "skipped": {}, "peaks": []}
    found |= {"texts": [], "single": [], "text_in": []}
    everys = [int(every) for every in options.every.split(",")]
    if len(everys) == 1:
        everys *= len(options.workloads)
    if len(everys) != len(options.workloads):
        sys.exit(f"--every {options.every}: expected one number, or one for each of {', '.join(options.workloads)}")
    workloads = [
        work
        for name, every in zip(options.workloads, everys, strict=True)
        for work in workload.load(options.shared, name, every, options.limit)
        if work.order in options.orders
    ]
    for name in options.models:
        shape = shapes.ALL[name].with_layers(options.layers)
        folder = options.folder / f"{name}-{options.layers}"
        made = [sys.executable, HERE / "models.py", name, folder, str(options.layers), options.shared]
        done = subprocess.run(made, check=False, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{done.stderr.strip()}\ncompare: no models; requirements.txt names what making them needs")
        for threads in thread_counts:
            print(f"\n# {name}, {threads} thread(s)", flush=True)
            comparison = Comparison(options, shape, folder, set(cores[:threads]), found)
            if {"texts", "single"} & set(options.parts):
                comparison.run_ids(workloads)
            if "text-in" in options.parts:
                comparison.run_text_in(workload.load(options.shared, "sst2", options.text_in_every, options.limit)[1])

    settings = {key: str(value) if isinstance(value, Path) else value for key, value in vars(options).items()}
    found |= {"cpu": cpu_model(), "date": datetime.date.today().isoformat(), "settings": settings}
    found["ratios"] = report.all_ratios(found)
    report.print_tables(found)
    print("\n" + ", ".join(f"{name} {version}" for name, version in found["versions"].items()))
    print(f"median of {options.rounds} rounds, {options.other_rounds} for the slow")
    print("by the wall clock" + ("; batches of texts by the cpu clock" if options.clock == "cpu" else ""))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    if options.chart:
        options.chart.write_text(chart.draw(found))


if __name__ == "__main__":
    main()
