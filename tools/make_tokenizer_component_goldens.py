#!/usr/bin/env python3
"""Records what PyPI `tokenizers` and `transformers` do beyond one text to ids, for tests/parity/tokenizer_components_test.cpp.

    python tools/make_tokenizer_component_goldens.py [--shared DIR]      # as make_tokenizer_goldens.py

Writes into tests/parity/data/tokenizer, over the vocab.txt of make_tokenizer_goldens.py:
  components.json   pairs through every post-processor and truncation; texts through pre-tokenizers and regular
                    expressions; ids through decoders; directories with the files of older checkpoints
  pairs.json        hashes, as in make_tokenizer_goldens.py, of some data sets in DIR with the vocabularies in DIR: every
                    text with the next one as a pair, cut to 48 tokens (ids, type ids), and every text decoded again
"""

import argparse
import json
import pathlib
import platform
import tempfile

import numpy as np
import tokenizers
import transformers
from tokenizers import Tokenizer

import make_tokenizer_goldens as base

OUT = base.OUT
PAIR_TOKENIZERS = [("bert-base-uncased", "tokenizer.json"), ("bert-base-cased", "vocab.txt"),
                   ("roberta-base", "tokenizer.json"), ("distilbert-sst2", "tokenizer.json")]
PAIR_LENGTH = 48
PAIR_SETS = ("raw_feedback.csv", "financial_phrasebank", "rt_polarity", "tweet_sentiment")  # of DIR/data


# --- pairs


def template(single, pair, ids):
    def pieces(words):
        out = []
        for word in words.split():
            name, type_id = word.rsplit(":", 1)
            out.append({"Sequence": {"id": name[1], "type_id": int(type_id)}} if name.startswith("$")
                       else {"SpecialToken": {"id": name, "type_id": int(type_id)}})
        return out
    return {"type": "TemplateProcessing", "single": pieces(single), "pair": pieces(pair),
            "special_tokens": {name: {"id": name, "ids": values, "tokens": ["?"] * len(values)}
                               for name, values in ids.items()}}


CLS, SEP, BOTH = {"[CLS]": [2]}, {"[SEP]": [3]}, {"[CLS]": [2], "[SEP]": [3]}
POST_PROCESSORS = {
    "none": None,
    "bert": base.PROCESSOR,
    "roberta": {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": False,
                "add_prefix_space": False},
    "roberta_trims": {"type": "RobertaProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2], "trim_offsets": True,
                      "add_prefix_space": True},
    "template_bert": template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", BOTH),
    "template_second_first": template("$A:3 [SEP]:4", "$B:5 [SEP]:6 $A:7", SEP),
    "template_two_ids": template("[CLS]:0 $A:0", "[CLS]:0 $A:0 [CLS]:2 $B:1", {"[CLS]": [2, 4]}),
    "template_bare": template("$A:0", "$A:0 $B:1", {}),
    "bytes": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "sequence": {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        template("[CLS]:0 $A:0 [SEP]:0", "[CLS]:0 $A:0 [SEP]:1 $B:1 [SEP]:1", BOTH)]},
}
PAIR_TEXTS = [("", ""), ("good", ""), ("", "bad film"), ("hello, unaffable world!", "é中x"),
              ("the plot is thin ... " * 2, "[MASK] and [SEP] " * 4), ("a b c", "a b c d e f g")]


def pair_cases(tokenizer, every):
    """Every strategy, side and limit, or a few."""
    cases = []
    strategies = ("longest_first", "only_first", "only_second") if every else ("longest_first",)
    for a, b in PAIR_TEXTS:
        for special in (True, False):
            for strategy in strategies:
                for side in ("right", "left"):
                    for limit in (0, 4, 5, 7, 8, 13) if every else (0, 5, 8):
                        if limit:
                            try:
                                tokenizer.enable_truncation(limit, strategy=strategy, direction=side)
                            except BaseException:  # a panic of the library: no room beside the special tokens
                                continue
                        else:
                            tokenizer.no_truncation()
                            if strategy != "longest_first" or side != "right":
                                continue
                        for pair in (None, b):
                            try:
                                encoding = tokenizer.encode(a, pair, add_special_tokens=special)
                            except BaseException:
                                if limit and special and limit < tokenizer.num_special_tokens_to_add(pair is not None):
                                    continue
                                cases.append([a, pair, special, strategy, side, limit, None])
                                continue
                            ids, offsets = base.ids_and_offsets([a, b], encoding)
                            cases.append([a, pair, special, strategy, side, limit, ids, encoding.type_ids,
                                          encoding.special_tokens_mask, offsets])
    tokenizer.no_truncation()
    return cases


# --- pre-tokenizers


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
         r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
REGEXES = {
    "o200k": O200K, "words": r"\w+|[^\w\s]+", "not_words": r"\W+", "digits": r"\d{1,3}(?=(?:\d{3})*\b)",
    "spaces": r"\s+", "not_spaces": r"\S+", "boundaries": r"\bgood\b|\Bact\B", "hex": r"\h{2}|\H",
    "lines": r"^.|.$", "empty_matches": r"x*", "lookahead": r"(?=[A-Z])", "lookbehind": r"(?<=\p{Lu})(?=\p{Ll})",
    "lazy": r"<.+?>|\[[^\[\]]*\]", "atomic": r"(?>a+)b|(?i)THE", "escapes": r"[\u0041-\u005a\t\x{e9}\-]|\.",
    "han": r"\p{Han}+|[\p{Hiragana}\p{Katakana}]", "cyrillic": r"\p{Cyrillic}\p{M}*", "alternatives": r"(a|b)+c?|'s",
    "class_sets": r"[\s\d]+|[\w-]", "caseless": r"(?i:MOVIE|k|ſ)",
}


def pre_tokenizers():
    out = {}
    for behavior in BEHAVIORS:
        out[f"punctuation_{behavior}"] = {"type": "Punctuation", "behavior": behavior}
        for invert in (False, True):
            name = f"{behavior}{'_inverted' if invert else ''}"
            out[f"split_literal_{name}"] = split({"String": " a"}, behavior, invert)
            out[f"split_regex_{name}"] = split({"Regex": r"[aeiou]+|\s"}, behavior, invert)
            out[f"split_empty_matches_{name}"] = split({"Regex": r"\s*(?=[A-Z])"}, behavior, invert)
    out["digits"] = {"type": "Digits", "individual_digits": False}
    out["digits_individual"] = {"type": "Digits", "individual_digits": True}
    out["whitespace"] = {"type": "Whitespace"}
    out["whitespace_split"] = {"type": "WhitespaceSplit"}
    out["bert"] = {"type": "BertPreTokenizer"}
    out["char_delimiter"] = {"type": "CharDelimiterSplit", "delimiter": "e"}
    out["fixed_length"] = {"type": "FixedLength", "length": 3}
    for name, regex in REGEXES.items():
        out[f"regex_{name}"] = split({"Regex": regex})
    out["sequence"] = {"type": "Sequence", "pretokenizers": [
        split({"Regex": r"\s+"}, "Removed"), {"type": "CharDelimiterSplit", "delimiter": "o"},
        {"type": "Punctuation", "behavior": "Contiguous"}, {"type": "Digits", "individual_digits": True}]}
    return out


# --- decoders


def decoders():
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    llama = {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
    return {
        "none": None,
        "word_piece": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "word_piece_plain": {"type": "WordPiece", "prefix": "##", "cleanup": False},
        "byte_level": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "metaspace": metaspace,
        "metaspace_first": {**metaspace, "prepend_scheme": "first"},
        "metaspace_never": {**metaspace, "prepend_scheme": "never"},
        "bpe": {"type": "BPEDecoder", "suffix": "</w>"},
        "byte_fallback": {"type": "ByteFallback"},
        "fuse": {"type": "Fuse"},
        "strip": {"type": "Strip", "content": "a", "start": 2, "stop": 1},
        "replace": {"type": "Replace", "pattern": {"String": "a"}, "content": "bcd"},
        "replace_regex": {"type": "Replace", "pattern": {"Regex": "[aeiou]+|^#+"}, "content": "_"},
        "ctc": {"type": "CTC", "pad_token": "[PAD]", "word_delimiter_token": "|", "cleanup": True},
        "ctc_plain": {"type": "CTC", "pad_token": "a", "word_delimiter_token": "|", "cleanup": False},
        "llama": llama,
    }


DECODED_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "##ing", "##a", "aaa", "good", "a", "a", "a", "|", ".",
                  "!", "'", "n't", "do", "not", "'s", "\u2581good", "\u2581", "bad\u2581film", "go</w>", "o</w>", "<0xE4>",
                  "<0xB8>", "<0xAD>", "<0xFF>", "<0x4G>", "\u0120good", "\u00e9", "\u00c3\u00a9", "\u00e4\u00b8",
                  "\u010a", "\u4e2d", "##", "don", "\u2581\u2581x", "ca"]


def id_lists(n):
    state, lists = 7, [[], [0], list(range(n)), [2, 9, 14, 3], [n + 5, 9, 10]]
    for length in (1, 2, 3, 5, 8, 13, 21) * 3:
        ids = []
        for _ in range(length):
            state = (state * 1103515245 + 12345) % (1 << 31)
            ids.append((state >> 8) % n)
        lists.append(ids)
    lists += [[26, 27, 28], [26, 27, 9], [29, 26, 27, 28], [30, 26], [7, 6, 37], [18, 19, 14], [8, 12, 11], [33, 34]]
    return lists


def decoder_goldens():
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(DECODED_TOKENS))}
    n = len(vocabulary)
    special = [base.added(i, token, special=True) for i, token in enumerate(DECODED_TOKENS[:5])]
    added = special + [base.added(n, "<plain added>", normalized=True)]
    out = {}
    for name, decoder in decoders().items():
        document = {**base.pipeline_json(None, {"type": "Whitespace"}, added, vocabulary), "post_processor": None,
                    "decoder": decoder}
        tokenizer = Tokenizer.from_str(json.dumps(document))
        cases = []
        for ids in id_lists(n + 1):
            for skip in (True, False):
                try:
                    cases.append([ids, skip, tokenizer.decode(ids, skip_special_tokens=skip)])
                except BaseException:  # Strip panics on tokens shorter than it wants to cut
                    pass
        out[name] = {"tokenizer": document, "cases": cases}
    return out


# --- directories


VOCAB = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n<s>\n"
MASK = {"content": "[MASK]", "lstrip": True, "rstrip": False, "single_word": False, "normalized": True}


def flags(content, **changed):
    return {"content": content, "lstrip": False, "rstrip": False, "single_word": False, "normalized": False,
            "special": False, **changed}


def directories():
    small = {**base.pipeline_json(None, {"type": "Whitespace"},
                                  [base.added(1, "[UNK]", special=True), base.added(6, "<x>")],
                                  {word: i for i, word in enumerate(VOCAB.split())}), "post_processor": None,
             "truncation": {"direction": "Left", "max_length": 4, "strategy": "LongestFirst", "stride": 0}}
    fast = {"tokenizer_class": "PreTrainedTokenizerFast"}
    alphabet = sorted(base.pre_tokenizers.ByteLevel.alphabet())
    roberta = {"vocab.json": {t: i for i, t in enumerate(["<s>", "<pad>", "</s>"] + alphabet)},
               "merges.txt": "#version: 0.2\n", "tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"}}
    return {
        "bert": ("BertTokenizer", {"vocab.txt": VOCAB}),
        "bert map": ("BertTokenizer", {"vocab.txt": VOCAB, "special_tokens_map.json": {"cls_token": "<s>",
                                                                                     "mask_token": MASK}}),
        "bert map over config": ("BertTokenizer", {
            "vocab.txt": VOCAB, "tokenizer_config.json": {"cls_token": "[CLS]", "bos_token": "<b>"},
            "special_tokens_map.json": {"cls_token": "<s>", "additional_special_tokens": ["<m>", "a"]}}),
        "bert added": ("BertTokenizer", {"vocab.txt": VOCAB, "added_tokens.json": {"<y>": 7, "<x>": 6, "[MASK]": 8}}),
        "bert added, other ids": ("BertTokenizer", {"vocab.txt": VOCAB, "added_tokens.json": {"<x>": 9, "b": 8}}),
        "bert decoder wins": ("BertTokenizer", {
            "vocab.txt": VOCAB, "special_tokens_map.json": {"cls_token": "<s>"}, "added_tokens.json": {"<z>": 6},
            "tokenizer_config.json": {"additional_special_tokens": ["<x>"], "truncation_side": "left",
                                      "added_tokens_decoder": {"5": flags("<s>", lstrip=True)}}}),
        "roberta, no mask": ("RobertaTokenizer", roberta),
        "roberta map": ("RobertaTokenizer", {**roberta, "special_tokens_map.json": {"cls_token": "</s>",
                                                                                    "mask_token": MASK}}),
        "json": ("AutoTokenizer", {"tokenizer.json": small, "tokenizer_config.json": fast}),
        "json, roles": ("AutoTokenizer", {"tokenizer.json": small, "tokenizer_config.json": {
            **fast, "mask_token": "[MASK]", "cls_token": "[CLS]", "truncation_side": "right"}}),
        "json, other flags": ("AutoTokenizer", {"tokenizer.json": small, "tokenizer_config.json": {
            **fast, "added_tokens_decoder": {"6": flags("<x>", lstrip=True, special=True),
                                             "3": flags("[SEP]", special=True)}}}),
        "json, old files": ("AutoTokenizer", {
            "tokenizer.json": small, "tokenizer_config.json": {**fast, "unk_token": "[UNK]"},
            "special_tokens_map.json": {"mask_token": MASK, "additional_special_tokens": ["<s>"]},
            "added_tokens.json": {"q": 7, "<x>": 6}}),
        "json, extra as object": ("AutoTokenizer", {"tokenizer.json": small, "tokenizer_config.json": {
            **fast, "extra_special_tokens": {"image_token": "<im>"}}}),
        "json, extra and own": ("AutoTokenizer", {"tokenizer.json": small, "tokenizer_config.json": {
            **fast, "additional_special_tokens": ["<im>"], "boi_token": "<b>"}}),
    }


DIRECTORY_TEXTS = ["a [MASK] <s> <x>", "<x>a  <s> a", "[SEP]b q <m><im> <b>", "a [CLS] <y>[MASK] <z>", "b", "</s> <mask> a"]


def directory_goldens():
    out = {}
    for name, (cls, files) in directories().items():
        with tempfile.TemporaryDirectory() as folder:
            texts = {file: content if isinstance(content, str) else json.dumps(content)
                     for file, content in files.items()}
            for file, content in texts.items():
                (pathlib.Path(folder) / file).write_text(content)
            loaded = getattr(transformers, cls).from_pretrained(folder)
        tokenizer = loaded.backend_tokenizer
        tokenizer.no_truncation()
        out[name] = {"files": texts, "size": max(tokenizer.get_vocab().values()) + 1, "side": loaded.truncation_side,
                     "cases": [[text, tokenizer.encode(text).ids, tokenizer.decode(tokenizer.encode(text).ids)]
                               for text in DIRECTORY_TEXTS]}
    return out


# --- the big sets


def set_hashes(tokenizer, texts):
    pairs, decoded = base.Hash(), base.Hash()
    tokenizer.enable_truncation(PAIR_LENGTH)
    for first in range(0, len(texts), 5000):
        chunk = list(zip(texts[first:first + 5000], texts[first + 1:first + 5001]))
        words = []
        for encoding in tokenizer.encode_batch(chunk):
            words += [len(encoding.ids), *encoding.ids, *encoding.type_ids]
        pairs.update(words)
    tokenizer.no_truncation()
    for first in range(0, len(texts), 5000):
        ids = [encoding.ids for encoding in tokenizer.encode_batch(texts[first:first + 5000])]
        words = []
        for text in tokenizer.decode_batch(ids):
            data = text.encode()
            words.append(len(data))
            words += list(data)
        decoded.update(np.array(words))
    return [len(texts), str(pairs), str(decoded)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=pathlib.Path, default=base.ROOT.parent / "shared")
    shared = parser.parse_args().shared
    recorded = {"command": "python tools/make_tokenizer_component_goldens.py", "tokenizers": tokenizers.__version__,
                "transformers": transformers.__version__, "python": platform.python_version()}
    vocabulary = base.small_vocabulary()
    ids = {token: i for i, token in enumerate(vocabulary)}
    special = [base.added(i, vocabulary[i], special=True) for i in range(5)]

    def document(vocab, pre_tokenizer={"type": "BertPreTokenizer"}, post_processor=None, normalizer=base.BERT):
        return {**base.pipeline_json(normalizer, pre_tokenizer, special, vocab), "post_processor": post_processor}

    pairs = {name: {"tokenizer": document({}, post_processor=processor),
                    "cases": pair_cases(Tokenizer.from_str(json.dumps(document(ids, post_processor=processor))),
                                        name in ("none", "bert"))}
             for name, processor in POST_PROCESSORS.items()}
    texts = base.hard_texts()
    pre = {}
    for name, component in pre_tokenizers().items():
        tokenizer = Tokenizer.from_str(json.dumps(document(ids, component, normalizer=None)))
        few = texts if name in ("regex_o200k", "regex_words", "digits", "whitespace", "regex_class_sets") else texts[::3]
        pre[name] = {"tokenizer": document({}, component, normalizer=None), "cases": base.cases_of(tokenizer, few)}
    sweeps = {name: base.sweep(Tokenizer.from_str(json.dumps(document(ids, split({"Regex": regex}), normalizer=None))),
                               "a", "1") for name, regex in (("o200k", O200K), ("words", r"\w+|[^\w\s]+"))}
    base.write_json(OUT / "components.json", {
        "recorded": recorded, "pairs": pairs, "pre_tokenizers": pre, "decoders": decoder_goldens(),
        "directories": directory_goldens(),
        "sweeps": {name: {"tokenizer": pre[f"regex_{name}"]["tokenizer"], "hashes": hashes}
                   for name, hashes in sweeps.items()}})

    files = sorted(p for p in (shared / "data").rglob("*") if p.name.endswith((".csv", ".csv.gz", ".jsonl"))
                   and p.relative_to(shared).parts[1] in PAIR_SETS)
    read = {str(path.relative_to(shared)): base.texts_of(path) for path in files}
    sets = {}
    for folder, file in PAIR_TOKENIZERS:
        tokenizer = base.shared_tokenizer(shared / "tokenizers" / folder, file)
        sets[f"{folder}/{file}"] = {path: set_hashes(tokenizer, rows) for path, rows in read.items()}
        print(folder, flush=True)
    base.write_json(OUT / "pairs.json", {"recorded": recorded, "length": PAIR_LENGTH, "sets": sets})


if __name__ == "__main__":
    main()
