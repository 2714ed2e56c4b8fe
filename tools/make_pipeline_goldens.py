#!/usr/bin/env python3
"""Records what the pipelines of transformers say of texts and pairs, for tests/parity/pipelines_test.cpp.

    python tools/make_pipeline_goldens.py [--out tests/parity/data/pipeline]

Each case is a small model with random weights, which the tests make again by their recipe (make_model_goldens.py), the
files of its tokenizer, and calls of one pipeline with their results: text-classification (texts and pairs),
zero-shot-classification, token-classification. Needs transformers, tokenizers, torch and numpy.
"""

import argparse
import json
import os
import pathlib
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from transformers import AutoTokenizer, pipeline

import make_model_goldens as recipe
import make_tokenizer_goldens as tokens

MAX_LENGTH = 48
TEXTS = ["This movie was NOT good.", "good", "Great acting, she said - and very good music.", "naïve café résumé 中文!",
         "the worst film ever " * 20, "10/10 would watch again; 100% recommended", "unaffable [MASK] hello world"]
PAIRS = [("A great movie.", "The film was good."), ("good", ""), ("", "bad film"), ("hello world", "é中x [SEP] a"),
         ("the plot is thin and " * 30, "not bad " * 9), ("not bad", "the plot is thin and " * 30)]
LABELS = [["good", "bad film", "hello"], ["new york"], ["plot", "the worst film ever", "act", "tokyo"]]
TEMPLATES = ["This example is {}.", "{} - is it not? {{sic}}"]
STRATEGIES = ["none", "simple", "first", "average", "max"]


def bert_files():
    return {"vocab.txt": (tokens.OUT / "vocab.txt").read_text(), "tokenizer_config.json": json.dumps(
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX_LENGTH})}


def roberta_files():
    return {"tokenizer.json": json.dumps(tokens.byte_pair_pipelines()["roberta"], ensure_ascii=False),
            "tokenizer_config.json": json.dumps(
                {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": MAX_LENGTH, "unk_token": "<unk>",
                 "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>",
                 "sep_token": "</s>", "mask_token": "<mask>", "model_input_names": ["input_ids", "attention_mask"]})}


def bert(labels, **settings):
    return recipe.classifier("bert", 64, 2, 2, len(tokens.small_vocabulary()), id2label=dict(enumerate(labels)),
                             label2id={label: i for i, label in enumerate(labels)},
                             max_position_embeddings=64, **settings), bert_files()


def roberta(labels, **settings):
    size = len(tokens.byte_pair_model()["vocab"])
    return recipe.classifier("roberta", 64, 2, 2, size, id2label=dict(enumerate(labels)),
                             label2id={label: i for i, label in enumerate(labels)}, max_position_embeddings=66,
                             type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1, **settings), roberta_files()


def cases():
    nli = ["contradiction", "neutral", "ENTAILMENT"]
    tags = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    return {
        "bert_nli": (bert(nli), [classify, zero_shot]),
        "bert_entailment_first": (bert(["entailment", "not_entailment"]), [zero_shot]),
        "roberta_nli": (roberta(nli), [classify, zero_shot]),
        "bert_multi_label": (bert(["a", "b", "c"], problem_type="multi_label_classification"), [classify]),
        "bert_regression": (bert(["LABEL_0"], problem_type="regression"), [classify]),
        "bert_regression_two": (bert(["x", "y"], problem_type="regression"), [classify]),
        "bert_one_label": (bert(["LABEL_0"]), [classify]),
        "bert_single_label": (bert(["n", "p"], problem_type="single_label_classification"), [classify]),
        "bert_tags": (bert(tags, tokens=True), [token_classification]),
        "roberta_tags": (roberta(tags, tokens=True), [token_classification]),
        "bert_plain_tags": (bert(["O", "PER", "GEO-POL"], tokens=True), [token_classification]),
    }


def classify(model, tokenizer):
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer)
    def scores(inputs):
        found = pipe(inputs, top_k=None, truncation=True, max_length=MAX_LENGTH)
        by_label = {one["label"]: one["score"] for one in found}
        return [by_label[model.config.id2label[i]] for i in range(model.config.num_labels)]
    singles = [[text, None, scores({"text": text})] for text in TEXTS]
    return "classify", singles + [[a, b, scores({"text": a, "text_pair": b})] for a, b in PAIRS]


def zero_shot(model, tokenizer):
    pipe = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    calls = []
    for labels in LABELS:
        for template in TEMPLATES:
            for multi_label in (False, True):
                results = []
                for text in TEXTS:
                    found = pipe(text, candidate_labels=labels, hypothesis_template=template, multi_label=multi_label)
                    by_label = dict(zip(found["labels"], found["scores"]))
                    results.append([text, [float(by_label[label]) for label in labels]])
                calls.append([labels, template, multi_label, results])
    return "zero_shot", calls


def token_classification(model, tokenizer):
    calls = []
    for strategy in STRATEGIES:
        pipe = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy=strategy)
        results = []
        for text in TEXTS:
            entities = [{key: float(value) if key == "score" else value for key, value in entity.items()}
                        for entity in pipe(text)]
            results.append([text, entities])
        calls.append([strategy, results])
    return "tokens", calls


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=tokens.ROOT / "tests/parity/data/pipeline")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for index, (name, (((auto, config), files), calls)) in enumerate(cases().items()):
        torch.manual_seed(0)
        model = auto.from_config(config, attn_implementation="eager")
        weights = recipe.randomize(model, 100 + index, "F32")
        model.eval()
        with tempfile.TemporaryDirectory() as folder:
            for file, content in files.items():
                (pathlib.Path(folder) / file).write_text(content, encoding="utf-8")
            tokenizer = AutoTokenizer.from_pretrained(folder)
        results = dict(call(model, tokenizer) for call in calls)
        recipe.write(out / f"{name}.json", {
            "name": name, "command": "tools/make_pipeline_goldens.py", "versions": recipe.versions(),
            "config": json.loads(config.to_json_string()), "reference_noise": 0.0, "weights": weights, "sequences": [],
            "files": {file: content for file, content in files.items() if file != "vocab.txt"}, **results})


if __name__ == "__main__":
    main()
