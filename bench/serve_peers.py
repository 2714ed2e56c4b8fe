#!/usr/bin/env python3
"""`valence serve` beside the server that people write for the same model: a transformers pipeline behind FastAPI.

    python bench/serve_peers.py --model build/peers/distilbert-6/hf --data ../shared/data --threads 2

Both serve the same directory with the same number of threads, valence in --precision (int8), and answer the same texts
of SST-2, one a request, to the same keep-alive clients, each of which asks again when it has its answer. They take turns;
medians of --rounds, and beside the clock the processor time of a request, which other programs on the machine hardly
change. The peer runs in uvicorn as `async def`, one request after the other, and as `def`, which FastAPI runs
in a pool of threads; valence is held against the faster. ./dev bench peers leaves models of well-known shapes in
build/peers. Needs torch, transformers, fastapi, uvicorn.
"""

import argparse
import csv
import gzip
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/e2e"))

from load_client import LoadClient, percentile  # noqa: E402

WARM_UP_S = 3
LEAST_RATIO, LEAST_RATIO_AMX, MOST_P99 = 8, 30, 1 / 5


def serve_peer(arguments):
    """The peer's process: as its documentation shows it."""
    import torch
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel
    from transformers import pipeline

    torch.set_num_threads(arguments.threads)
    classify = pipeline("text-classification", model=arguments.model, device="cpu")
    app = FastAPI()

    class Request(BaseModel):
        inputs: str

    def predict(request):
        return classify(request.inputs, truncation=True)

    if arguments.peer == "async def":

        @app.post("/predict")
        async def route(request: Request):
            return predict(request)
    else:

        @app.post("/predict")
        def route(request: Request):
            return predict(request)

    uvicorn.run(app, host="127.0.0.1", port=0, log_level="info", access_log=False)


class Server:
    """A process that says on which port it listens."""

    def __init__(self, name, command, announcement, environment):
        self.name = name
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
        said = ""
        for line in self.process.stderr:
            said += line.decode()
            if found := re.search(announcement, line.decode()):
                self.port = int(found[1])
                # Nobody reads on: a full pipe must not stop it.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        raise SystemExit(f"{name} does not listen:\n{said}")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def request_of(text):
    body = json.dumps({"inputs": text}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def read_texts(data):
    path = next(iter(sorted(pathlib.Path(data).glob("sst2/dev.csv*"))), None)
    if path is None:
        raise SystemExit(f"no sst2 dev file under {data}")
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def measure(server, requests, clients, seconds):
    cpu_before = server.cpu_seconds()
    with LoadClient(server.port, requests) as client:
        answers = client.with_clients(clients, seconds)
    cpu_seconds = server.cpu_seconds() - cpu_before
    wrong = [answer for answer in answers if answer.status != 200]
    if wrong:
        raise SystemExit(f"{server.name} answered {wrong[0].status}: {wrong[0].body[:300]}")
    latencies = [answer.seconds for answer in answers]
    return {
        "requests/s": len(answers) / max(answer.at for answer in answers),
        "p50 ms": 1000 * percentile(latencies, 0.5),
        "p99 ms": 1000 * percentile(latencies, 0.99),
        "CPU ms a request": 1000 * cpu_seconds / len(answers),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", default="build/valence")
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", default="../shared/data")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        return serve_peer(arguments)

    requests = [request_of(text) for text in read_texts(arguments.data)]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "XDG_DATA_HOME": home, "XDG_STATE_HOME": home}
        # Its history is kept, as it is by default.
        servers = [
            Server("valence", [arguments.valence, "serve", "--port", "0", "-m", arguments.model, "--precision",
                               arguments.precision, "--threads", str(arguments.threads)],
                   r"listening on http://.*:(\d+)$", environment)
        ]
        for kind in ("async def", "def"):
            servers.append(
                Server(f"FastAPI, {kind}", [sys.executable, __file__, "--peer", kind, "--model", arguments.model,
                                            "--threads", str(arguments.threads)],
                       r"running on http://127\.0\.0\.1:(\d+)", {**os.environ, "OMP_NUM_THREADS": str(arguments.threads)}))
        try:
            rounds = {server.name: [] for server in servers}
            for server in servers:
                measure(server, requests, arguments.clients, WARM_UP_S)
            for _ in range(arguments.rounds):
                for server in servers:
                    rounds[server.name].append(measure(server, requests, arguments.clients, arguments.seconds))
        finally:
            for server in servers:
                server.stop()

    medians = {name: {key: statistics.median(each[key] for each in measured) for key in measured[0]}
               for name, measured in rounds.items()}
    print(f"{arguments.clients} clients, {arguments.threads} threads, {arguments.rounds} rounds of {arguments.seconds:.0f} s, "
          f"valence {arguments.precision}, load average {os.getloadavg()[0]:.1f}, {time.strftime('%Y-%m-%d')}")
    for name, figures in medians.items():
        print(f"{name:<20}" + "".join(f"  {key} {value:>9.1f}" for key, value in figures.items()))
    ours = medians.pop("valence")
    ratio = ours["requests/s"] / max(figures["requests/s"] for figures in medians.values())
    p99 = ours["p99 ms"] / min(figures["p99 ms"] for figures in medians.values())
    least_cpu = min(figures["CPU ms a request"] for figures in medians.values())
    amx = "amx_int8" in pathlib.Path("/proc/cpuinfo").read_text()
    least = LEAST_RATIO_AMX if amx else LEAST_RATIO
    print(f"valence answers {ratio:.1f} x as many requests (at least {least} are asked for), with {p99:.3f} of the p99 "
          f"(at most {MOST_P99}); by processor time {least_cpu / ours['CPU ms a request']:.1f} x")
    return 0 if ratio >= least and p99 <= MOST_P99 else 1


if __name__ == "__main__":
    sys.exit(main())
