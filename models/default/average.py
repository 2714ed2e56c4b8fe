"""The mean of the weights of several models that descend from one another (Wortsman et al. 2022, model soups).

    models/default/average.py OUT MODEL MODEL...

OUT gets the first model's other files, but for what was fitted to its weights. Weights are float32, in files of the same
layout, as `valence train` writes them. Only the standard library is needed.
"""

import array
import json
import shutil
import struct
import sys
from pathlib import Path

FITTED = ("calibration.json", "metrics.jsonl", "report.html", "training_report.json")


def read(folder):
    """(header bytes, float32 values in the file's order)"""
    content = (folder / "model.safetensors").read_bytes()
    (length,) = struct.unpack_from("<Q", content)
    header = content[8 : 8 + length]
    tensors = [entry for name, entry in json.loads(header).items() if name != "__metadata__"]
    if any(entry["dtype"] != "F32" for entry in tensors):
        raise SystemExit(f"{folder}: not all tensors are F32")
    values = array.array("f")
    values.frombytes(content[8 + length :])
    if sys.byteorder == "big":
        values.byteswap()
    return header, values


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    out, *models = map(Path, sys.argv[1:])
    read_models = [read(model) for model in models]
    headers = {header for header, _ in read_models}
    if len(headers) != 1:
        raise SystemExit("the models' tensors differ in name, shape or place")
    share = 1 / len(models)
    mean = array.array("f", (share * sum(each) for each in zip(*(values for _, values in read_models))))
    if sys.byteorder == "big":
        mean.byteswap()
    partial = out.with_name(f"{out.name}.partial")  # the name stands for a whole model
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(models[0], partial, ignore=shutil.ignore_patterns(*FITTED))
    (header,) = headers
    (partial / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + mean.tobytes())
    partial.replace(out)


if __name__ == "__main__":
    main()
