#!/usr/bin/env python3
"""Records what scikit-learn and scipy say of random label sets, for tests/unit/eval/metrics_test.cpp.

    python tools/make_metric_goldens.py [--out tests/unit/eval/data/metrics.json]

Only figures are stored: the test draws the same inputs again by the recipes below (integers only). Of every
single-label case there are the averages for zero_division=0; zero_division 1 and NaN, labels=range(n) and the figures
by label take turns, so that the file stays small. null is NaN. Needs scikit-learn, scipy and numpy.
"""

import argparse
import json
import math
import pathlib
import warnings

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn import metrics

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/unit/eval/data/metrics.json"
SINGLE_LABEL, MULTI_LABEL, REGRESSION = 1000, 300, 100
MASK = (1 << 64) - 1


class Draw:
    """valence/base/random.h: xoshiro256** 1.0, its state from SplitMix64."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ (z >> 31))

    def next(self):
        s = self.state
        bits = rotated(s[1] * 5 & MASK, 7) * 9 & MASK
        shifted = s[1] << 17 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotated(s[3], 45)
        return bits

    def below(self, bound):
        while True:
            bits = self.next()
            if bits >= (1 << 64) % bound:
                return bits % bound


def rotated(value, by):
    return (value << by | value >> (64 - by)) & MASK


def single_label(seed):
    """Truths from a prefix of the labels and predictions from another, so that labels are missing on either side."""
    draw = Draw(seed)
    num_labels = 1 + draw.below(12)
    rows = 1 + draw.below(120)
    true_labels = 1 + draw.below(num_labels)
    predicted_labels = 1 + draw.below(num_labels)
    right_in_100 = draw.below(101)
    truth, predicted = [], []
    for _ in range(rows):
        truth.append(draw.below(true_labels))
        if draw.below(100) < right_in_100:
            predicted.append(truth[-1])
        else:
            predicted.append(draw.below(predicted_labels))
    return num_labels, truth, predicted


def multi_label(seed):
    draw = Draw(1_000_000 + seed)
    num_labels = 2 + draw.below(8)
    rows = 1 + draw.below(60)
    true_in_100 = draw.below(60)
    flipped_in_100 = draw.below(60)
    truth, predicted = [], []
    for _ in range(rows):
        for label in range(num_labels):
            # The last label may never occur, the first may never be predicted.
            is_true = draw.below(100) < true_in_100 and (label + 1 < num_labels or seed % 2 == 0)
            flipped = draw.below(100) < flipped_in_100
            truth.append(int(is_true))
            predicted.append(int(is_true != flipped and (label > 0 or seed % 3 > 0)))
    return num_labels, truth, predicted


def regression(seed):
    """Multiples of 1/8; every fifth truth and every seventh prediction is constant."""
    draw = Draw(2_000_000 + seed)
    rows = 1 + draw.below(50)
    levels = 1 + draw.below(200)
    truth, predicted = [], []
    for _ in range(rows):
        value = draw.below(levels)
        noise = draw.below(17) - 8
        truth.append(4 / 8 if seed % 5 == 0 else value / 8)
        predicted.append(12 / 8 if seed % 7 == 0 else (value + noise) / 8)
    return truth, predicted


def prf(truth, predicted, average, zero_division, labels=None):
    p, r, f, _ = metrics.precision_recall_fscore_support(truth, predicted, average=average, labels=labels,
                                                         zero_division=zero_division)
    return np.asarray([p, r, f], dtype=float).ravel().tolist()


def averages(truth, predicted, names, zero_division, labels=None):
    return [value for name in names for value in prf(truth, predicted, name, zero_division, labels)]


def single_label_case(seed):
    num_labels, truth, predicted = single_label(seed)
    names = ["macro", "micro", "weighted"]
    case = {"figures": [metrics.accuracy_score(truth, predicted), metrics.balanced_accuracy_score(truth, predicted),
                        metrics.matthews_corrcoef(truth, predicted)],
            "averages": averages(truth, predicted, names, 0)}
    zero_division = [0, 1, np.nan][seed % 3]
    if seed % 4 == 0:
        case["by_label"] = prf(truth, predicted, None, zero_division, range(num_labels))
    if seed % 4 == 1:
        # micro over all labels is the plain one
        case["all_labels"] = averages(truth, predicted, ["macro", "weighted"], zero_division, range(num_labels))
    if seed % 4 == 2:
        case["present_labels"] = averages(truth, predicted, ["macro", "weighted"], zero_division)
    return case


def multi_label_case(seed):
    num_labels, truth, predicted = multi_label(seed)
    truth = np.asarray(truth).reshape(-1, num_labels)
    predicted = np.asarray(predicted).reshape(-1, num_labels)
    names = ["macro", "micro", "weighted", "samples"]
    case = {"figures": [metrics.accuracy_score(truth, predicted), metrics.hamming_loss(truth, predicted)],
            "averages": averages(truth, predicted, names, [0, 1, np.nan][seed % 3])}
    if seed % 4 == 0:
        case["by_label"] = prf(truth, predicted, None, [0, 1, np.nan][seed % 3])
    return case


def regression_case(seed):
    truth, predicted = regression(seed)
    constant = len(set(truth)) == 1 or len(set(predicted)) == 1
    return [metrics.mean_squared_error(truth, predicted), metrics.mean_absolute_error(truth, predicted),
            metrics.r2_score(truth, predicted) if len(truth) > 1 else math.nan,
            math.nan if constant else stats.pearsonr(truth, predicted).statistic,
            math.nan if constant else stats.spearmanr(truth, predicted).statistic]


def without_nan(value):
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    value = float(value)
    return None if math.isnan(value) else value


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    made_by = f"tools/make_metric_goldens.py, scikit-learn {sklearn.__version__}, scipy {scipy.__version__}"
    groups = {"single_label": [single_label_case(seed) for seed in range(SINGLE_LABEL)],
              "multi_label": [multi_label_case(seed) for seed in range(MULTI_LABEL)],
              "regression": [regression_case(seed) for seed in range(REGRESSION)]}
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with open(arguments.out, "w") as out:
        out.write('{"made_by": ' + json.dumps(made_by))
        for name, cases in groups.items():
            lines = ",\n".join(json.dumps(without_nan(case), separators=(",", ":"), allow_nan=False) for case in cases)
            out.write(f',\n"{name}": [\n{lines}\n]')
        out.write("}\n")


if __name__ == "__main__":
    main()
