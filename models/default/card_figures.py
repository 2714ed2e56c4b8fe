"""Writes the figures of evaluation.json into MODEL_CARD.md, between its two marks, so that no number is typed by hand."""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- figures: written by card_figures.py -->", "<!-- end of figures -->"
BARS = {"sst2": "accuracy ≥ 89.0", "sst2_natural": "accuracy ≥ 89.0", "tweet_sentiment": "macro recall ≥ 71",
        "customer_reviews": "accuracy ≥ 88", "uci_sentences": "accuracy ≥ 95.5"}  # fmt: skip
BINARY_SETS = ("sst2", "sst2_natural", "customer_reviews", "uci_sentences", "rt_polarity", "imdb", "tweet_emotion")


def percent(value):
    return f"{100 * value:.1f}"


def dev_table(evaluation):
    yield "| dev set | rows | choice | accuracy | macro recall | ECE | f32: accuracy | bar |"
    yield "|---|---:|---|---:|---:|---:|---:|---|"
    for name, row in evaluation["dev_int8"].items():
        choice = "neg/pos" if name in BINARY_SETS else "3 classes"
        f32 = evaluation["dev_f32"].get(name)
        yield (f"| {name} | {row['rows']} | {choice} | {percent(row['accuracy'])} | {percent(row['macro_recall'])} | "
               f"{percent(row['ece'])} | {percent(f32['accuracy']) if f32 else ''} | {BARS.get(name, '')} |")  # fmt: skip


def held_out_table(evaluation):
    yield "| kept out | set | rows | accuracy | macro recall | ECE as trained | ECE | final model: accuracy | macro recall |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|---:|"
    for group, entry in evaluation["held_out"]["groups"].items():
        for name, row in entry["sets"].items():
            final = evaluation["dev_int8"][name]
            yield (f"| {group} | {name} | {row['rows']} | {percent(row['accuracy'])} | {percent(row['macro_recall'])} | "
                   f"{percent(row['ece_as_trained'])} | {percent(row['ece'])} | {percent(final['accuracy'])} | "
                   f"{percent(final['macro_recall'])} |")  # fmt: skip


def temperature_table(evaluation):
    yield "| model | own | seen | unseen | temperature |"
    yield "|---|---:|---:|---:|---:|"
    accounts = {"final": evaluation["calibration"]}
    for group, entry in evaluation.get("held_out", {}).get("groups", {}).items():
        accounts[f"without {group}"] = entry["calibration"]
    for name, a in accounts.items():
        yield f"| {name} | {a['own']:.2f} | {a['seen']:.2f} | {a['unseen']:.2f} | {a['temperature']:.2f} |"


def plain_section(evaluation):
    plain = evaluation["plain_sentences_int8"]
    kinds = ", ".join(f"{kind} {count}" for kind, count in plain["by_kind"].items())
    yield f"{plain['right']} of {plain['of']} right ({kinds}); f32: {evaluation['plain_sentences_f32_right']}. Missed:"
    yield ""
    for miss in plain["missed"]:
        yield f"* \"{miss['text']}\" is {miss['label']}; answered {miss['predicted']} ({miss['score']:.2f})"


def sections(evaluation):
    drift = evaluation["int8_against_f32"]
    yield "## Figures\n\nThe weights as stored (int8), in f32 arithmetic (`--precision fp32`), on dev splits that no stage trained on. In per cent.\nint8 arithmetic, in which the program runs the model by default, gives the same label on 99 % of texts and was within 0.6\npoints of these accuracies on every set tried (docs/performance.md).\n"
    yield from dev_table(evaluation)
    yield (f"\nInt8 against f32 on the sets with a bar: same label {percent(drift['same_label'])} %, logits differ by "
           f"{drift['mean_logit_difference']:.3f} on average and {drift['largest_logit_difference']:.2f} at most.")  # fmt: skip
    yield "\n### Plain sentences (`tests/plain/plain_sentences.csv`, never trained on, three classes)\n"
    yield from plain_section(evaluation)
    held_out = evaluation.get("held_out")
    if held_out:
        yield "\n### Sources kept out of training\n\nEach group's rows by a model that never saw the group.\n"
        yield from held_out_table(evaluation)
        yield (f"\nPooled over these {held_out['pooled_rows']} rows: ECE (15 equal-width bins, top-class probability) "
               f"{percent(held_out['pooled_ece_as_trained'])} % as trained, {percent(held_out['pooled_ece'])} % with each "
               "model's own temperature (bar: 10 %).")  # fmt: skip
    yield "\n### Temperatures (`calibrate.py`: own x unseen / seen, from rows cut from the training sources)\n"
    yield from temperature_table(evaluation)


def main():
    evaluation = json.loads((HERE / "evaluation.json").read_text(encoding="utf-8"))
    card = (HERE / "MODEL_CARD.md").read_text(encoding="utf-8")
    before, rest = card.split(BEGIN)
    after = rest.split(END)[1]
    figures = "\n".join(sections(evaluation))
    (HERE / "MODEL_CARD.md").write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
