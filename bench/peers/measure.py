"""How the engines take turns: the batch size that suits each, passes over the texts, single texts."""

import math
import statistics
import time
from dataclasses import dataclass, field

import catalog
from process import Skipped


@dataclass
class Options:
    rounds: int  # of the engines that a ratio is quoted against
    other_rounds: int  # of the slower ones
    clock: str  # "wall", "cpu"
    calls: int  # most calls with a single text in a round
    call_seconds: float  # and their time altogether
    settle: float  # seconds between engines: idle threads of the last one may still spin
    screen_blocks: int  # blocks of 64 texts on which batch sizes are tried


@dataclass
class Run:
    """An engine on a workload."""

    engine: object
    batch: int
    screened_rate: float = 0.0  # tokens a second while batch sizes were tried
    seconds: list = field(default_factory=list)
    logits: list = field(default_factory=list)


def elapsed(measured, clock):
    return measured.cpu_seconds if clock == "cpu" else measured.seconds


class Turns:
    """Asks engines one at a time. One that fails is left out from then on, with its reason."""

    def __init__(self, engines, options, folder):
        self.engines = list(engines)
        self.options = options
        self.folder = folder
        self.dropped = {}

    def ask(self, engine, question):
        if engine not in self.engines:
            return None
        time.sleep(self.options.settle)
        try:
            return question()
        except Skipped as reason:
            print(f"  {engine.name} left out: {reason}", flush=True)
            self.dropped[engine.name] = str(reason)
            self.engines.remove(engine)
            return None

    def best_batch(self, engine, path, part):
        """A Run with the fastest of the engine's batch sizes on `part`, each timed once after a warm-up."""
        timed = {}
        for size in engine.batch_sizes:
            warm = self.ask(engine, lambda: engine.warm_up(path, part, size) or True)
            measured = warm and self.ask(engine, lambda: engine.measure(path, part, size))
            if measured is None:
                return None
            timed[size] = part.tokens / elapsed(measured, self.options.clock)
        size = max(timed, key=timed.get)
        rates = ", ".join(f"{s}: {rate:,.0f}" for s, rate in timed.items())
        print(f"  {engine.name:<20} tokens/s by batch of {engine.unit}: {rates}", flush=True)
        return Run(engine, size, timed[size])

    def passes(self, workload):
        """Runs of all engines: at their best batch, interleaved rounds over the whole workload."""
        part = workload.part(self.options.screen_blocks)
        part_path, path = part.save(self.folder), workload.save(self.folder)
        runs = [run for engine in list(self.engines) if (run := self.best_batch(engine, part_path, part))]
        quoted = quoted_engines(runs)
        seconds = sum(
            workload.tokens / run.screened_rate * self.rounds_of(run, quoted) + self.options.settle for run in runs
        )
        print(f"  rounds will take about {seconds:,.0f} s", flush=True)
        for number in range(self.options.rounds):
            for run in shifted([run for run in runs if number < self.rounds_of(run, quoted)], number):
                measured = self.ask(run.engine, lambda: run.engine.measure(path, workload, run.batch))
                if measured is None:
                    runs.remove(run)
                    continue
                run.seconds.append(elapsed(measured, self.options.clock))
                run.logits = measured.logits
        return runs

    def rounds_of(self, run, quoted):
        return self.options.rounds if run.engine.name in quoted else self.options.other_rounds

    def single_texts(self, workload):
        """{engine: seconds of each call}, the rounds of an engine spread over the time."""
        path = workload.save(self.folder)
        calls = {}
        for number in range(self.options.rounds):
            for engine in shifted(self.engines, number):
                seconds = self.ask(
                    engine,
                    lambda: engine.call_seconds(path, workload, self.options.calls, self.options.call_seconds),
                )
                if seconds:
                    calls.setdefault(engine, []).append(seconds)
        return {engine: rounds for engine, rounds in calls.items() if engine in self.engines}


def shifted(items, number):
    """A copy that begins elsewhere every round: nobody is always first."""
    shift = number % max(1, len(items))
    return items[shift:] + items[:shift]


def quoted_engines(runs):
    """Names of those that a ratio may be quoted against, from the screening: ours; of the peers, the fastest of each
    precision, the faster ONNX Runtime int8, and whoever has half the speed of the fastest of all."""
    peers = sorted((run for run in runs if run.engine.name in catalog.PEERS), key=lambda run: -run.screened_rate)
    quoted = {run.engine.name for run in runs} - {run.engine.name for run in peers}
    seen = set()
    for run in peers:
        kinds = {run.engine.precision}
        if run.engine.name in catalog.ONNX_INT8:
            kinds.add("ONNX Runtime int8")
        if kinds - seen or run.screened_rate >= peers[0].screened_rate / 2:
            quoted.add(run.engine.name)
        seen |= kinds
    return quoted


def percentile(values, share):
    """The smallest value that `share` of them do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values):
    return statistics.median(values) if values else None
