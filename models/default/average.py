"""Averages the weights of two checkpoints that share their origin: share * a + (1 - share) * b, tensor by tensor.

The last stage forgets some of what the first, longer one learned of film reviews. Both lie on one training path, where the
straight line between two points is as good as its ends or better (Wortsman et al., "Model soups", 2022).
"""

import argparse
from pathlib import Path

from batches import load_tokenizer
from classifier import load


def average(a, b, share):
    """Model `a` with its weights moved towards `b`."""
    other = b.state_dict()
    a.load_state_dict({name: share * value + (1 - share) * other[name] for name, value in a.state_dict().items()})
    return a


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--a", required=True)
    parser.add_argument("--b", required=True)
    parser.add_argument("--share", type=float, required=True, help="of a; the rest is b's")
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()

    model = average(load(options.a), load(options.b), options.share)
    model.save_pretrained(options.out)
    load_tokenizer(options.a).save(str(options.out / "tokenizer.json"))


if __name__ == "__main__":
    main()
