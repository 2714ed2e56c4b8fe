"""The engines, behind one question: how long does this workload take at this batch size, and what are the logits?"""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import models


@dataclass
class Pass:
    seconds: float
    cpu_seconds: float  # of the process: less than `seconds` when others use the core
    logits: np.ndarray  # [texts, 2]
    gflop: float  # work done on real tokens
    peak_gflops: float | None = None  # of f32 multiply-adds on this core, beside the pass; only ours measures it


class PaddedEngine:
    """An engine that takes padded batches. Padding itself is not timed."""

    batch_sizes = (1, 8, 32, 64)
    unit = "texts"

    def __init__(self, name, layers):
        self.name = name
        self.layers = layers

    def warm_up(self, workload, batch_size):
        batches = workload.batches(batch_size)
        for batch in {0: batches[0], 1: batches[-1]}.values():
            self.forward(*self.prepare(batch))

    def measure(self, workload, batch_size):
        batches = [self.prepare(batch) for batch in workload.batches(batch_size)]
        start, cpu_start = time.perf_counter(), time.process_time()
        logits = [self.forward(*batch) for batch in batches]
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        logits = np.concatenate([np.asarray(part) for part in logits])
        return Pass(seconds, cpu_seconds, logits, workload.gflop(self.layers))


class OnnxRuntime(PaddedEngine):
    def __init__(self, name, graph, layers):
        super().__init__(name, layers)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def prepare(self, batch):
        return batch

    def forward(self, input_ids, attention_mask):
        return self.session.run(["logits"], {"input_ids": input_ids, "attention_mask": attention_mask})[0]


class Torch(PaddedEngine):
    def __init__(self, name, folder, layers):
        super().__init__(name, layers)
        self.model = models.load_torch(folder, attention="sdpa")
        if name == "torch-compile":
            self.model = torch.compile(self.model, dynamic=True)

    def prepare(self, batch):
        return tuple(torch.from_numpy(array) for array in batch)

    def forward(self, input_ids, attention_mask):
        with torch.inference_mode():
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


class Valence:
    """bench/encoder_bench in a process of its own, on the same core. It sorts and packs by itself, in the time."""

    name = "valence"
    batch_sizes = (256, 512, 1024)
    unit = "tokens"

    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, "--serve", str(Path(folder) / "hf")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.files = tempfile.TemporaryDirectory()

    def warm_up(self, workload, batch_size):
        self.measure(workload, batch_size)

    def measure(self, workload, batch_size):
        path = Path(self.files.name, f"{workload.name}-{workload.order}.txt")
        if not path.exists():
            path.write_text("".join(" ".join(map(str, ids)) + "\n" for ids in workload.sequences))
        self.process.stdin.write(f"{batch_size} {path}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("encoder_bench ended: see its message above")
        reply = json.loads(answer)
        if reply["tokens"] != workload.tokens:
            raise RuntimeError(f"encoder_bench counted {reply['tokens']} tokens, not {workload.tokens}")
        logits = np.array(reply["logits"], np.float32).reshape(-1, 2)
        return Pass(reply["seconds"], reply["cpu_seconds"], logits, reply["gflop"], reply["peak_gflops"])


ALL = ("valence", "ort-plain", "ort-fused", "torch-compile", "torch-eager")  # the last one is the reference for logits


def make(name, folder, encoder_bench, layers):
    if name == "valence":
        return Valence(encoder_bench, folder)
    if name.startswith("ort-"):
        return OnnxRuntime(name, Path(folder) / f"{name.removeprefix('ort-')}.onnx", layers)
    return Torch(name, folder, layers)
