"""Engines as seen from the process that measures: each one runs in its own, and answers one question at a time."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import catalog

HERE = Path(__file__).resolve().parent


class Skipped(Exception):
    """The engine cannot run here, and why."""


@dataclass
class Pass:
    seconds: float
    cpu_seconds: float  # of the process: less than `seconds` when others use the core
    logits: list  # [texts * 2]; empty from an engine that answers with labels


class LineProcess:
    """A program that answers a line with a line of JSON. What else it says goes to `log`."""

    def __init__(self, command, cores, log):
        self.log = Path(log)
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            words = self.log.read_text(errors="replace").strip().splitlines()
            raise Skipped(words[-1] if words else f"ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read() says why
        return self.read()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()


class PeerProcess:
    """worker.py with one peer."""

    unit = "texts"

    def __init__(self, name, folder, cores):
        self.name = name
        self.precision = catalog.precision_of(name)
        self.batch_sizes = catalog.PIPELINE_BATCHES if name in catalog.PIPELINES else catalog.TEXT_BATCHES
        core_list = ",".join(map(str, sorted(cores)))
        command = [sys.executable, HERE / "worker.py", name, folder, str(len(cores)), core_list]
        self.process = LineProcess(command, cores, folder / f"{name}.log")
        answer = self.process.read()
        if "skip" in answer:
            self.process.close()
            raise Skipped(answer["skip"])
        self.versions = answer["ready"]

    def warm_up(self, path, workload, batch_size):
        self.process.ask(json.dumps({"warm_up": str(path), "batch": batch_size}))

    def measure(self, path, workload, batch_size):
        answer = self.process.ask(json.dumps({"measure": str(path), "batch": batch_size}))
        return Pass(answer["seconds"], answer["cpu_seconds"], answer.get("logits", []))

    def call_seconds(self, path, workload, most, limit_seconds):
        question = {"calls": str(path), "most": most, "limit_seconds": limit_seconds}
        return self.process.ask(json.dumps(question))["call_seconds"]

    def close(self):
        self.process.close()


class Valence:
    """encoder_bench --serve. It sorts and packs by itself, in the time; a batch is so many tokens."""

    unit = "tokens"
    batch_sizes = (256, 512, 1024)

    def __init__(self, name, program, folder, cores):
        self.name = name
        self.precision = catalog.precision_of(name)
        command = [program, "--serve", folder / "hf", self.precision, str(len(cores))]
        self.process = LineProcess(command, cores, folder / f"{name}.log")
        runs_in = self.process.read()["precision"]
        if runs_in != self.precision:
            self.process.close()
            raise Skipped(f"runs in {runs_in} on this CPU")
        self.versions = {}

    def warm_up(self, path, workload, batch_size):
        self.measure(path, workload, batch_size)

    def measure(self, path, workload, batch_size):
        answer = self.process.ask(f"run {batch_size} {path.with_suffix('.ids')}")
        if answer["tokens"] != workload.tokens:
            raise RuntimeError(f"encoder_bench counted {answer['tokens']} tokens, not {workload.tokens}")
        return Pass(answer["seconds"], answer["cpu_seconds"], answer["logits"])

    def call_seconds(self, path, workload, most, limit_seconds):
        """Passes over the file, every text alone, until there are enough calls or no time is left."""
        seconds = []
        while len(seconds) < most and sum(seconds) < limit_seconds:
            seconds += self.process.ask(f"each {path.with_suffix('.ids')}")["batch_seconds"]
        return seconds[:most]

    def peaks(self):
        return self.process.ask("peaks")

    def close(self):
        self.process.close()
