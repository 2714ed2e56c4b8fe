"""One peer in a process of its own, so that libraries share neither threads nor memory with each other.

    worker.py PEER FOLDER THREADS CORE,CORE...

Answers {"ready": versions} or {"skip": reason}; then a line of JSON on standard input is one question, and the answer
is a line of JSON: {"warm_up"|"measure": PATH, "batch": SIZE} or {"calls": PATH, "most": N, "limit_seconds": S}.
"""

import json
import os
import sys
from functools import lru_cache
from pathlib import Path


def take_standard_output():
    """Libraries print what they like: the answers get a descriptor of their own, and 1 becomes standard error."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return answers


def pin(cores):
    """Before anything starts threads, which inherit it."""
    os.sched_setaffinity(0, cores)
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = str(len(cores))
    os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"


def answer(engine, load, question):
    if "warm_up" in question:
        engine.warm_up(load(question["warm_up"]), question["batch"])
        return {}
    if "measure" in question:
        return engine.measure(load(question["measure"]), question["batch"])
    calls = engine.call_seconds(load(question["calls"]), question["most"], question["limit_seconds"])
    return {"call_seconds": calls}


def main():
    answers = take_standard_output()
    name, folder, threads, cores = sys.argv[1:]
    pin({int(core) for core in cores.split(",")})
    import catalog
    import workload

    try:
        engine = catalog.PEERS[name].open(Path(folder), int(threads))
    except ModuleNotFoundError as error:
        print(json.dumps({"skip": f"{error.name} is not installed"}), file=answers)
        return
    except Exception as error:  # whatever a library throws is the reason to leave it out
        print(json.dumps({"skip": f"{type(error).__name__}: {error}".splitlines()[0]}), file=answers)
        raise
    print(json.dumps({"ready": engine.versions}), file=answers)
    load = lru_cache(maxsize=4)(workload.open_saved)
    for line in sys.stdin:
        print(json.dumps(answer(engine, load, json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
