"""What every peer is behind: padded batches in, logits out, and how long a workload took. Padding is not timed."""

import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Batch:
    sequences: list

    @cached_property
    def _padded(self):
        shape = (len(self.sequences), max(map(len, self.sequences)))
        input_ids, attention_mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, sequence in enumerate(self.sequences):
            input_ids[row, : len(sequence)] = sequence
            attention_mask[row, : len(sequence)] = 1
        return input_ids, attention_mask

    @property
    def input_ids(self):
        return self._padded[0]

    @property
    def attention_mask(self):
        return self._padded[1]


def batches(sequences, size):
    return [Batch(sequences[i : i + size]) for i in range(0, len(sequences), size)]


class Engine:
    """An engine has `versions` ({package: version}), prepare(batch), whose time does not count, and
    forward(prepared), which returns logits [texts, 2]."""

    def warm_up(self, workload, batch_size):
        parts = batches(workload.sequences, batch_size)
        for batch in {0: parts[0], 1: parts[-1]}.values():
            self.forward(self.prepare(batch))

    def measure(self, workload, batch_size):
        """{seconds, cpu_seconds, logits} of one pass."""
        prepared = [self.prepare(batch) for batch in batches(workload.sequences, batch_size)]
        start, cpu_start = time.perf_counter(), time.process_time()
        logits = [self.forward(batch) for batch in prepared]
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        logits = np.concatenate([np.asarray(part, np.float32) for part in logits])
        return {"seconds": seconds, "cpu_seconds": cpu_seconds, "logits": logits.ravel().tolist()}

    def call_seconds(self, workload, most, limit_seconds):
        """The seconds of each of up to `most` calls with one text, in `limit_seconds` altogether, at least 3."""
        prepared = [self.prepare(batch) for batch in batches(workload.sequences, 1)]
        self.forward(prepared[0])
        seconds = []
        while len(seconds) < 3 or (len(seconds) < most and sum(seconds) < limit_seconds):
            batch = prepared[len(seconds) % len(prepared)]
            start = time.perf_counter()
            self.forward(batch)
            seconds.append(time.perf_counter() - start)
        return seconds
