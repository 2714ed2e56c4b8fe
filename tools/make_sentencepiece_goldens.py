#!/usr/bin/env python3
"""Records what PyPI `tokenizers` and `transformers` make of texts with SentencePiece vocabularies, for
tests/parity/sentencepiece_test.cpp.

    python tools/make_sentencepiece_goldens.py [--shared DIR]     # needs what make_tokenizer_goldens.py needs, and sentencepiece

Writes into tests/parity/data/sentencepiece:
  unigram.model   a small Unigram, trained on one data set of DIR, with byte pieces and a few rules of normalization
  bpe.json        a small SentencePiece BPE as the tokenizer.json of a Llama
  cases.json      hard texts with their ids and offsets, through every pipeline below
  hashes.json     hashes as make_tokenizer_goldens.py defines them, of (a) every Unicode scalar and (b) every text of DIR;
                  DIR is only named by relative path, and the tests skip what needs it without it

A directory with a .model file is opened by from_pretrained, which is what users do. (Another way, the converters of
convert_slow_tokenizer.py that transformers 4 used, gives other tokens; no class calls them any more.)
"""

import argparse
import base64
import json
import os
import pathlib
import platform
import random
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece
import tokenizers
import transformers
from make_tokenizer_goldens import ROOT, added, cases_of, hard_texts, hash_texts, sweep, texts_of, write_json
from tokenizers import Tokenizer
from transformers.convert_slow_tokenizer import SentencePieceExtractor

OUT = ROOT / "tests/parity/data/sentencepiece"
TRAINING_TEXTS = "data/rt_polarity/train.csv"
# What the small models' normalizers replace: single characters, sequences, removals, one that grows.
RULES = {"\t": " ", "\n": " ", "\r": " ", "\u00a0": " ", "\u3000": " ", "\u2581": " ", "\u200b": " ", "\u00ad": "",
         "\u0001": "", "\ufeff": "", "\u2026": "...", "\ufb01": "fi", "\u00aa": "a", "\u2460": "1", "\u00bd": "1\u20442",
         "e\u0301": "\u00e9", "E\u0301": "\u00c9", "a\u0323\u0301": "\u1ea1\u0301", "\u1100\u1161": "\uac00",
         "\uff21": "A", "\uff41": "a", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\ufdfa": "\u0635\u0644\u0649"}
SHARED_MODELS = [  # folder of DIR/tokenizers, file, what stands beside it where the folder has no configuration
    ("albert-base-v2", "spiece.model", None),
    ("deberta-v3", "spm.model", {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": False}),
    ("t5-small", "tokenizer.json", None),
]

# Every scalar by itself between these. U+00AA has a rule: what extends its grapheme is replaced with it.
SWEEPS = {"alone": ("", ""), "between": ("a", "b"), "after a mapped character": ("\u00aa", "")}
SWEPT_IN_EVERY_WAY = ("albert-base-v2/spiece.model", "small xlm_roberta")


def hard_sentencepiece_texts():
    """Beside the hard texts of the other families: ends, runs and kinds of spaces, byte order marks, what rules touch."""
    return ["\u2581", "\u2581\u2581a", "a\u2581b", "a \u2581 b", " a", "  a", "a ", "a  ", "a  b", "a\n\nb", "a \t b\r\n",
            "\u0001a", "\u0001\u0001", "\u00ad", "\u00adab\u00adc", "ab\u00ad", "\ufeffa\ufeff", "\ufb01\u00ad\u00ad.",
            "x\u2026\u2026y", "\u2026", "e\u0301", "e\u0301\u0301", "E\u0301x", "ae\u0301\u0323", "\ufb01\u0301", "\u00aa\u0301b",
            "\u00aa\u200d", "\u00bd cup", "\u2460\u2461", "\u1100\u1161\u11a8", "\r\n", "a\r\nb", "\n\r", "\uff21\uff41", "\ufdfa\ufdfa",
            "1,000 and 12,", "``quoted''", "` `a''' b", "(a) \"b\" - . \u2013 \u00a3 \u20ac", "it.", "it .", "a-b - c",
            "<unk> <s> </s> <pad> <mask> [MASK] <new> <never>", "x <mask> y", "x [MASK] y", "<0x41> <0xFF>", "<extra_id_0> <extra_id_99>",
            "zzzzqqqq\u4e2d\u6587\u4e2d\u6587 xx", "\U0001f600\U0001f600", "\u4e2d", "a\u4e2db\u4e2dc", "\U0010ffff\ue000",
            "a" * 300, "\u4e2d" * 70, "ab " * 60, "\u00e9" * 90, " " * 50, "good" + " " * 40 + "bad"]


def train(texts, model_type, vocab_size):
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        (folder / "rules.tsv").write_text("".join(
            " ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n"
            for source, target in RULES.items()))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(texts), model_prefix=str(folder / "small"), model_type=model_type,
            vocab_size=vocab_size, byte_fallback=True, character_coverage=0.9995, num_threads=1, minloglevel=2,
            normalization_rule_tsv=str(folder / "rules.tsv"), max_sentence_length=8192)
        return (folder / "small.model").read_bytes()


def from_directory(files, config):
    """What from_pretrained makes of a directory with these files: names and bytes."""
    with tempfile.TemporaryDirectory() as directory:
        folder = pathlib.Path(directory)
        for name, data in files.items():
            (folder / name).write_bytes(data)
        if config is not None:
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
        loaded = transformers.AutoTokenizer.from_pretrained(folder)
        expected = (config or json.loads(files["tokenizer_config.json"]))["tokenizer_class"].removesuffix("Fast")
        assert type(loaded).__name__ == expected, (type(loaded), expected)
        tokenizer = loaded.backend_tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer


def legacy_pipelines():
    """Name: the file's name, tokenizer_config.json and other files of JSON, over unigram.model."""
    decoder = {"3": {"content": "<unk>", "special": True, "normalized": False},
               "905": {"content": "<new>", "special": False, "normalized": True, "lstrip": True, "rstrip": True}}
    return {
        "albert": ("spiece.model", {"tokenizer_class": "AlbertTokenizer", "cls_token": "<s>", "sep_token": "</s>",
                                    "pad_token": "<pad>", "mask_token": "<mask>", "unk_token": "<unk>"}),
        "albert_cased": ("spiece.model", {"tokenizer_class": "AlbertTokenizerFast", "do_lower_case": False,
                                          "keep_accents": True, "cls_token": "<s>", "sep_token": "</s>",
                                          "pad_token": "<pad>", "add_prefix_space": False}),
        "deberta": ("spm.model", {"tokenizer_class": "DebertaV2Tokenizer", "unk_token": "<unk>"}),
        "deberta_punct": ("spm.model", {"tokenizer_class": "DebertaV2TokenizerFast", "do_lower_case": True,
                                        "split_by_punct": True, "add_prefix_space": False, "unk_token": "<unk>",
                                        "cls_token": "<s>", "sep_token": "</s>"}),
        "xlm_roberta": ("sentencepiece.bpe.model", {"tokenizer_class": "XLMRobertaTokenizer"}),
        "xlm_roberta_never": ("sentencepiece.bpe.model", {
            "tokenizer_class": "XLMRobertaTokenizer", "add_prefix_space": False,
            "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": False,
                           "single_word": False, "normalized": False, "special": True},
            "additional_special_tokens": ["<e1>", "</e1>"]}),
        "camembert": ("sentencepiece.bpe.model", {"tokenizer_class": "CamembertTokenizer"}),
        "camembert_decoder": ("sentencepiece.bpe.model", {"tokenizer_class": "CamembertTokenizer",
                                                          "added_tokens_decoder": decoder}),
        "t5": ("spiece.model", {"tokenizer_class": "T5Tokenizer", "extra_ids": 7}),
        "t5_listed": ("spiece.model", {"tokenizer_class": "T5Tokenizer", "extra_ids": 2, "additional_special_tokens": [
            "<extra_id_0>", "<extra_id_1>"]}),
        "token_files": ("sentencepiece.bpe.model", {"tokenizer_class": "XLMRobertaTokenizer", "mask_token": "<never>"}, {
            "special_tokens_map.json": {"bos_token": "<s>", "unk_token": {"content": "<unk>", "lstrip": False,
                                        "normalized": True, "rstrip": False, "single_word": False},
                                        "mask_token": {"content": "<mask>", "lstrip": True, "normalized": False,
                                                       "rstrip": False, "single_word": False}},
            "added_tokens.json": {"<new>": 902, "<mask>": 901}}),
    }


def json_pipelines(model):
    """Name: a tokenizer.json over the pieces of unigram.model."""
    with tempfile.NamedTemporaryFile(suffix=".model") as file:
        file.write(model)
        file.flush()
        extracted = SentencePieceExtractor(file.name).extract(tokenizers.models.Unigram)
    vocab = [list(piece) for piece in extracted["vocab"]]
    charsmap = {"type": "Precompiled",
                "precompiled_charsmap": base64.b64encode(extracted["_spm_precompiled_charsmap"]).decode()}
    special = [added(i, token, special=True) for i, token in enumerate(["<unk>", "<s>", "</s>"])]
    n = len(vocab)

    def metaspace(scheme, **settings):
        return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, **settings}

    def replace(pattern, content):
        return {"type": "Replace", "pattern": pattern, "content": content}

    def sequence(kind, *steps):
        return {"type": "Sequence", "normalizers" if kind == "n" else "pretokenizers": list(steps)}
    legacy = {"type": "Metaspace", "replacement": "\u2581", "str_rep": "\u2581", "add_prefix_space": True}
    bare = {"unk_id": 0, "vocab": vocab}  # as before there were types
    odd = vocab + [["qq", -100.0], ["\u2581good", -0.25], ["a", -1.0000000000000002], ["<unk>x", -30], ["", 1]]
    stages = {  # normalizer, pre-tokenizer, added tokens, model
        "first": (charsmap, metaspace("first", split=True), special + [added(n, "good", normalized=True)], {}),
        "byte_fallback": (charsmap, metaspace("always"), special, {"byte_fallback": True}),
        "whole_text": (sequence("n", charsmap, {"type": "Prepend", "prepend": "\u2581"},
                                replace({"String": " "}, "\u2581")), None, special, {"byte_fallback": True}),
        "unsplit": (None, metaspace("first", split=False), special, {}),
        "old_file": (charsmap, sequence("p", {"type": "WhitespaceSplit"}, legacy), [], {"type": None}),
        "normalizers": (sequence("n", {"type": "Nmt"}, {"type": "NFKC"}, charsmap,
                                 replace({"Regex": " {2,}"}, " "), replace({"Regex": r"[!?]+|\s"}, "\u2581"),
                                 {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Lowercase"}),
                        metaspace("never"), special, {}),
        "split_twice": (charsmap, sequence("p", metaspace("always"), {"type": "Punctuation", "behavior": "Isolated"},
                                           metaspace("always", replacement="_")), special, {}),
        "odd_vocabulary": (charsmap, metaspace("always"), special, {"vocab": odd, "byte_fallback": True}),
    }
    made = {}
    for name, (normalizer, pre_tokenizer, tokens, settings) in stages.items():
        unigram = {"type": "Unigram", **bare, **settings}
        if unigram["type"] is None:
            del unigram["type"]
        made[name] = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
                      "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": None,
                      "decoder": None, "model": unigram}
    return made


def llama(model):
    """A BPE of SentencePiece as transformers 4 wrote it for Llama 2."""
    with tempfile.NamedTemporaryFile(suffix=".model") as file:
        file.write(model)
        file.flush()
        proto = SentencePieceExtractor(file.name).proto
    vocab = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    merges = transformers.convert_slow_tokenizer.generate_merges(vocab, {p.piece: p.score for p in proto.pieces})
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, token, special=True) for i, token in enumerate(["<unk>", "<s>", "</s>"])],
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
            "pre_tokenizer": None,
            "post_processor": {"type": "TemplateProcessing",
                               "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                          {"Sequence": {"id": "A", "type_id": 0}}],
                               "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                        {"Sequence": {"id": "A", "type_id": 0}},
                                        {"SpecialToken": {"id": "<s>", "type_id": 1}},
                                        {"Sequence": {"id": "B", "type_id": 1}}],
                               "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
            "decoder": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                      "vocab": vocab, "merges": [" ".join(pair) for pair in merges]}}


def shared_tokenizer(folder, file, config):
    if file == "tokenizer.json":
        tokenizer = Tokenizer.from_file(str(folder / file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
    return from_directory({path.name: path.read_bytes() for path in folder.iterdir()}, config)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--retrain", action="store_true", help="train the small models again")
    parser.add_argument("--new", action="store_true", help="leave alone what hashes.json has by the same versions")
    parser.add_argument("--cases-only", action="store_true", help="leave hashes.json as it is")
    arguments = parser.parse_args()
    shared = arguments.shared
    recorded = {"command": "python tools/make_sentencepiece_goldens.py", "tokenizers": tokenizers.__version__,
                "transformers": transformers.__version__, "sentencepiece": sentencepiece.__version__,
                "python": platform.python_version()}
    OUT.mkdir(parents=True, exist_ok=True)
    if arguments.retrain or not (OUT / "unigram.model").exists():
        texts = texts_of(shared / TRAINING_TEXTS)
        random.Random(1).shuffle(texts)
        (OUT / "unigram.model").write_bytes(train(texts, "unigram", 900))
        (OUT / "bpe.json").write_text(json.dumps(llama(train(texts, "bpe", 900)), ensure_ascii=False, indent=0) + "\n")
    model = (OUT / "unigram.model").read_bytes()

    texts = list(dict.fromkeys(hard_texts() + hard_sentencepiece_texts()))
    small, stored = {}, {"legacy": {}, "json": {}}
    for name, (file, config, *others) in legacy_pipelines().items():
        others = others[0] if others else {}
        small[name] = from_directory({file: model, **{n: json.dumps(f).encode() for n, f in others.items()}}, config)
        stored["legacy"][name] = {"file": file, "config": config, "others": others,
                                  "cases": cases_of(small[name], texts)}
    with_charsmap = json_pipelines(model)
    for name, parts in with_charsmap.items():
        small[name] = Tokenizer.from_str(json.dumps(parts))
        stored["json"][name] = {"tokenizer": parts, "cases": cases_of(small[name], texts)}
    small["llama"] = Tokenizer.from_file(str(OUT / "bpe.json"))
    stored["llama"] = cases_of(small["llama"], texts)
    # The pieces and rules are those of unigram.model, and would be most of the file: the test puts them in.
    pieces, rules = with_charsmap["first"]["model"]["vocab"], with_charsmap["first"]["normalizer"]
    text = json.dumps(stored["json"], ensure_ascii=False)
    text = text.replace(json.dumps(pieces, ensure_ascii=False)[1:-1], '"PIECES"')
    text = text.replace(json.dumps(rules["precompiled_charsmap"]), '"RULES"')
    stored["json"] = json.loads(text)
    write_json(OUT / "cases.json", {"recorded": recorded, "pieces": pieces, "rules": rules["precompiled_charsmap"],
                                    **stored})
    if arguments.cases_only:
        return

    path = OUT / "hashes.json"
    kept = json.loads(path.read_text()) if path.exists() and arguments.new else {}
    hashes = kept if kept.get("recorded") == recorded else {"recorded": recorded, "sweeps": {}, "sets": {}}
    files = sorted(p for p in (shared / "data").rglob("*") if p.name.endswith((".csv", ".csv.gz", ".jsonl")))
    read = {str(path.relative_to(shared)): texts_of(path) for path in files}
    every = {f"{folder}/{file}": shared_tokenizer(shared / "tokenizers" / folder, file, config)
             for folder, file, config in SHARED_MODELS}
    every |= {f"small {name}": small[name] for name in ("xlm_roberta", "byte_fallback", "llama")}
    for name, tokenizer in every.items():
        if name in hashes["sweeps"]:
            continue
        hashes["sets"][name] = {"hard texts": [len(texts), hash_texts(tokenizer, texts)]}
        hashes["sets"][name].update({path: [len(rows), hash_texts(tokenizer, rows)] for path, rows in read.items()})
        write_json(path, hashes)
        kinds = SWEEPS if name in SWEPT_IN_EVERY_WAY else {"between": SWEEPS["between"]}
        hashes["sweeps"][name] = {kind: sweep(tokenizer, *around) for kind, around in kinds.items()}
        write_json(path, hashes)
        print(name, flush=True)


if __name__ == "__main__":
    main()
