"""Text in, label out: `valence classify` as people run it, a process from start to end."""

import csv
import subprocess
import time

import catalog
from process import Pass, Skipped


class ValenceClassify:
    unit = "tokens"
    batch_sizes = (512,)  # its default

    def __init__(self, name, program, folder, cores):
        self.name = name
        self.precision = catalog.precision_of(name)
        self.cores = cores
        self.folder = folder
        self.command = [
            *("taskset", "-c", ",".join(map(str, sorted(cores)))),
            *(program, "classify", "-m", folder / "hf", "--fold", "off", "-f", "csv"),
            *("--precision", self.precision, "--threads", str(len(cores))),
        ]
        self.versions = {}

    def warm_up(self, path, workload, batch_size):
        self.start_seconds(path)

    def start_seconds(self, path):
        """Of a process that classifies a single text: loading the model is most of it."""
        one = self.folder / "one.csv"
        with open(path.with_suffix(".csv"), encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            first = [next(rows), next(rows)]
        with open(one, "w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(first)
        return self.run(one)

    def run(self, texts):
        output = self.folder / "labels.csv"
        start = time.perf_counter()
        done = subprocess.run([*self.command, "-o", output, texts], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skipped(f"classify ended with {done.returncode}: {done.stderr.strip()}")
        if "running in fp32" in done.stderr and not self.name.endswith("fp32"):
            raise Skipped("runs in fp32 on this CPU")
        return time.perf_counter() - start

    def measure(self, path, workload, batch_size):
        seconds = self.run(path.with_suffix(".csv"))
        return Pass(seconds, seconds, [])

    def close(self):
        pass


def compare(turns, workload):
    """[{engine, batch, seconds, start_seconds}]: every engine at each of its batch sizes. A pipeline is started before
    and takes `other_rounds`; `valence classify` starts within its time, takes `rounds`, and one text alone tells what
    its start takes."""
    path = workload.save(turns.folder)
    entries = [
        {"engine": engine, "batch": batch, "seconds": [], "start_seconds": []}
        for engine in list(turns.engines)
        for batch in engine.batch_sizes
        if turns.ask(engine, lambda: engine.warm_up(path, workload, batch) or True)
    ]
    for number in range(turns.options.rounds):
        for entry in entries:
            engine = entry["engine"]
            is_ours = isinstance(engine, ValenceClassify)
            if engine not in turns.engines or number >= turns.options.other_rounds and not is_ours:
                continue
            measured = turns.ask(engine, lambda: engine.measure(path, workload, entry["batch"]))
            if measured is None:
                continue
            entry["seconds"].append(measured.seconds)
            if is_ours:
                started = turns.ask(engine, lambda: engine.start_seconds(path))
                entry["start_seconds"] += [] if started is None else [started]
    return [entry for entry in entries if entry["seconds"]]
