"""Model directories of a real size, made from nothing: what they say means nothing, how long it takes does."""
import array
import json
import math
import random
import struct
from pathlib import Path

from support import TINY_CONFIG, shapes_of, write_description

# Shapes as published; the vocabulary is the tests' own, its size costs no time.
BERT_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
# A model of a tenth of a second for a text of 100 tokens, whose file is made in less than one.
BERT_BASE_CUT = {"hidden_size": 768, "num_hidden_layers": 4, "num_attention_heads": 12, "intermediate_size": 3072}

# Weights are this many values over and over: a prime, so that no two rows of a matrix are the same.
PERIOD = 65_537
STD = 0.06


def write_slow_model(folder, shape, seed=12):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    config = {**TINY_CONFIG, **shape, "max_position_embeddings": 512}
    write_description(folder, config)
    generator = random.Random(seed)
    block = array.array("f", (generator.gauss(0, STD) for _ in range(PERIOD))).tobytes()
    header, end = {}, 0
    shapes = shapes_of(config)
    for name, extents in shapes.items():
        begin, end = end, end + 4 * math.prod(extents)
        header[name] = {"dtype": "F32", "shape": extents, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, extents in shapes.items():
            count = math.prod(extents)
            if name.endswith("LayerNorm.weight"):
                file.write(array.array("f", [1.0] * count).tobytes())
                continue
            begin = 4 * generator.randrange(PERIOD)
            file.write((block[begin:] + block * (4 * count // len(block) + 1))[:4 * count])
    return folder
