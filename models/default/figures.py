"""Measures the built-in model through the program: evaluation.json, and the figures of MODEL_CARD.md between its two marks.

    models/default/figures.py --valence build/valence --work build/default_model

`--work` holds what recipe.sh made: `all` with the dev splits, `all/model` and `all/shipped`, and a folder for each group that
was kept out (`model`, and `baseline`, which it is measured against). No number between the marks is typed by hand.
"""

import argparse
import csv
import json
import subprocess
from collections import Counter
from pathlib import Path

from sources import GROUPS

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"
BEGIN, END = "<!-- figures: written by figures.py -->", "<!-- end of figures -->"
FIGURES = ("accuracy", "macro_recall", "ece")
BARS = {"sst2": "accuracy ≥ 89.5", "tweet_sentiment": "macro recall ≥ 73", "customer_reviews": "accuracy ≥ 89",
        "uci_sentences": "accuracy ≥ 97", "four": "ECE ≤ 4"}  # fmt: skip


class Program:
    def __init__(self, path, threads):
        self.path_, self.threads_ = path, threads

    def run(self, *arguments):
        return subprocess.run([self.path_, *map(str, arguments), "--threads", self.threads_], check=True, capture_output=True).stdout

    def figures(self, model, rows, precision="fp32"):
        """Of a file with `choices`: rows, accuracy, macro recall over the labels that occur, ECE in 15 equal bins."""
        report = json.loads(self.run("eval", rows, "-m", model, "--choices-column", "choices", "--precision", precision,
                                     "--bootstrap", 0, "--json"))  # fmt: skip
        values = {name: figure["value"] for name, figure in report["figures"].items()}
        return {"rows": report["rows"], **{name: round(values[name], 4) for name in FIGURES}}

    def answers(self, model, path):
        """The rows of a CSV of our own sentences, with what the model says of them."""
        out = self.run("classify", path, "-m", model, "--precision", "fp32", "-f", "jsonl", "--quiet").decode()
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [row | {"predicted": said["label"], "score": said["score"]}
                for row, said in zip(rows, map(json.loads, out.splitlines()), strict=True)]  # fmt: skip


def shares_by_kind(rows):
    """kind -> (right, of)"""
    right = Counter(row["kind"] for row in rows if row["label"] == row["predicted"])
    return {kind: [right[kind], of] for kind, of in Counter(row["kind"] for row in rows).items()}


def pairs_of(program, model, name):
    rows = program.answers(model, TESTS / "minimal_pairs" / name)
    wrong = {row["pair"] for row in rows if row["label"] != row["predicted"]}
    return {"by_kind": shares_by_kind(rows), "pairs": len(rows) // 2, "whole_pairs": len(rows) // 2 - len(wrong)}


def sentences(program, model):
    plain = program.answers(model, TESTS / "plain" / "plain_sentences.csv")
    return {
        "plain": {"by_kind": shares_by_kind(plain), "missed": [row for row in plain if row["label"] != row["predicted"]]},
        "minimal_pairs": pairs_of(program, model, "minimal_pairs.csv"),
        "pairs_by_hand": pairs_of(program, model, "by_hand.csv"),
    }


def measure(program, work):
    shipped = work / "all" / "shipped"
    dev = sorted((work / "all" / "dev").glob("*.csv"))
    evaluation = {
        "stored_f32": {path.stem: program.figures(shipped, path) for path in dev},
        "stored_int8": {path.stem: program.figures(shipped, path, "int8") for path in dev},
        "trained": {path.stem: program.figures(work / "all" / "model", path) for path in dev if path.stem in BARS},
        "temperature": json.loads((shipped / "calibration.json").read_text())["temperature"],
        **sentences(program, shipped),
        "kept_out": {},
    }
    for group in GROUPS:
        models = {name: work / group / name for name in ("model", "baseline")}
        missing = [str(model) for model in models.values() if not (model / "calibration.json").exists()]
        if missing:
            print(f"without {group}: left out, for there is no {' and no '.join(missing)}")
        else:
            evaluation["kept_out"][group] = {name: kept_out(program, model, group) for name, model in models.items()}
    return evaluation


def kept_out(program, model, group):
    dev = model.parent / "dev"
    return {
        "temperature": json.loads((model / "calibration.json").read_text())["temperature"],
        "sets": {name: program.figures(model, dev / f"{name}.csv") for name in GROUPS[group]},
        "pooled": program.figures(model, dev / "kept_out.csv"),
    }


def percent(value):
    return f"{100 * value:.1f}"


def row_of(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def dev_table(evaluation):
    yield row_of("dev set", "rows", "accuracy", "macro recall", "ECE", "int8 arithmetic: accuracy", "before rounding", "bar")
    yield row_of("---", *["---:"] * 6, "---")
    for name, row in evaluation["stored_f32"].items():
        if name == "four":
            continue
        trained = evaluation["trained"].get(name)
        yield row_of(name, row["rows"], percent(row["accuracy"]), percent(row["macro_recall"]), percent(row["ece"]),
                     percent(evaluation["stored_int8"][name]["accuracy"]),
                     percent(trained["accuracy"]) if trained else "", BARS.get(name, ""))  # fmt: skip
    four = evaluation["stored_f32"]["four"]
    yield row_of("the four with a bar, pooled", four["rows"], percent(four["accuracy"]), "", percent(four["ece"]),
                 percent(evaluation["stored_int8"]["four"]["accuracy"]), "", BARS["four"])  # fmt: skip


def kept_out_table(evaluation):
    yield row_of("kept out", "set", "rows", "the recipe: accuracy", "macro recall", "ECE", "the plain mix: accuracy",
                 "macro recall", "ECE", "the built-in model: accuracy", "macro recall")  # fmt: skip
    yield row_of("---", "---", *["---:"] * 9)
    for group, entry in evaluation["kept_out"].items():
        for name, row in entry["model"]["sets"].items():
            whole, baseline = evaluation["stored_f32"][name], entry["baseline"]["sets"][name]
            yield row_of(group, name, row["rows"], *(percent(of[figure]) for of in (row, baseline) for figure in FIGURES),
                         percent(whole["accuracy"]), percent(whole["macro_recall"]))  # fmt: skip


def kept_out_means(evaluation):
    """Over the sets of the table, and the calibration of each group's rows together."""
    means = {}
    for name in ("model", "baseline"):
        rows = [row for entry in evaluation["kept_out"].values() for row in entry[name]["sets"].values()]
        means[name] = [percent(sum(row[figure] for row in rows) / len(rows)) for figure in FIGURES[:2]]
    yield (f"Mean over the sets: the recipe {means['model'][0]} accuracy, {means['model'][1]} macro recall; the plain mix "
           f"{means['baseline'][0]} and {means['baseline'][1]}.\n\nECE, the rows of a group pooled:\n")  # fmt: skip
    for group, entry in evaluation["kept_out"].items():
        yield (f"* without {group}, {entry['model']['pooled']['rows']} rows: {percent(entry['model']['pooled']['ece'])}; "
               f"the plain mix {percent(entry['baseline']['pooled']['ece'])}")  # fmt: skip


def by_kind(counts):
    right, of = (sum(column) for column in zip(*counts.values()))
    return f"{right} of {of} right ({', '.join(f'{kind} {r} of {n}' for kind, (r, n) in counts.items())})"


def sections(evaluation):
    yield ("## Figures\n\nThe weights as stored, in f32 arithmetic (`--precision fp32`), on dev splits that were not learned from. "
           "In per cent; sets that know no\n\"neutral\" are answered among negative and positive. ECE: 15 equal-width bins of "
           f"the top score. Temperature {evaluation['temperature']:.3f}.\n")  # fmt: skip
    yield from dev_table(evaluation)
    yield f"\n### Plain sentences (`tests/plain/`)\n\n{by_kind(evaluation['plain']['by_kind'])}. Missed:\n"
    for miss in evaluation["plain"]["missed"]:
        yield f"* \"{miss['text']}\" is {miss['label']}; answered {miss['predicted']} ({miss['score']:.2f})"
    yield "\n### Minimal pairs (`tests/minimal_pairs/`)\n"
    for name, made in (("minimal_pairs", "From templates"), ("pairs_by_hand", "By hand")):
        pairs = evaluation[name]
        yield f"* {made}: {by_kind(pairs['by_kind'])}; both sentences of a pair: {pairs['whole_pairs']} of {pairs['pairs']}."
    if evaluation["kept_out"]:
        yield ("\n### Sources kept out of training\n\nThe same recipe (all stages and the teachers in bf16) without a group of "
               "sources, on their dev splits, each with its own temperature.\nBeside it the plain mix: two passes over sst2 and its "
               "phrases, sst5, rt_polarity, imdb, tweet_sentiment and goemotions\nas they are, customer_reviews and uci_sentences "
               "twice, but for what is kept out (`baseline.csv` of `prepare.py`; 6e-5, else as the first stage).\n")  # fmt: skip
        yield from kept_out_table(evaluation)
        yield ""
        yield from kept_out_means(evaluation)


def write_card(evaluation):
    card = (HERE / "MODEL_CARD.md").read_text(encoding="utf-8")
    before, rest = card.split(BEGIN)
    after = rest.split(END)[1]
    figures = "\n".join(sections(evaluation))
    (HERE / "MODEL_CARD.md").write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--valence", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--card-only", action="store_true", help="write the card from the evaluation.json there is")
    options = parser.parse_args()
    written = HERE / "evaluation.json"
    if not options.card_only:
        evaluation = measure(Program(options.valence, options.threads), options.work)
        written.write_text(json.dumps(evaluation, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    write_card(json.loads(written.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
