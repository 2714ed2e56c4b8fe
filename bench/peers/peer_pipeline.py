"""transformers.pipeline as people run it: texts in, labels out, everything else left as it is."""

import time

import torch
import transformers
from engine import Engine


class Pipeline(Engine):
    versions = {"transformers": transformers.__version__, "torch": torch.__version__}

    def __init__(self, folder, dtype, threads):
        torch.set_num_threads(threads)
        self.classify = transformers.pipeline(
            "text-classification", model=str(folder / "hf"), device="cpu", dtype=getattr(torch, dtype)
        )

    def warm_up(self, workload, batch_size):
        self.classify(workload.texts[:2], batch_size=batch_size, truncation=True)

    def measure(self, workload, batch_size):
        start, cpu_start = time.perf_counter(), time.process_time()
        labels = self.classify(workload.texts, batch_size=batch_size, truncation=True)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        return {"seconds": seconds, "cpu_seconds": cpu_seconds, "labels": [label["label"] for label in labels]}


def open_engine(folder, variant, threads):
    return Pipeline(folder, variant, threads)
