#!/usr/bin/env python3
"""Records what PyPI `tokenizers` makes of texts, for tests/parity/tokenizer_test.cpp.

    python tools/make_tokenizer_goldens.py [--shared DIR] [--new]      # needs tokenizers, transformers and numpy

Writes into tests/parity/data/tokenizer:
  vocab.txt     a small vocabulary that tells the characters of many scripts apart
  cases.json    a few hundred hard texts with their ids and offsets, through several pipelines over vocab.txt, and
                through byte-pair encodings that bring their vocabulary along
  hashes.json   hashes of all ids and offsets for (a) every Unicode scalar and (b) every text of the data sets in DIR
                with the vocabularies in DIR; DIR is only named by relative path, and the tests skip (b) without it

A hash is over 32-bit words w: h = h * 0x100000001b3 + w (mod 2^64), from h = 0xcbf29ce484222325. Each text gives its
number of tokens, then their ids, then for each token begin and end of its source in bytes of UTF-8. Truncation and
padding of the files are off, special tokens on.
"""

import argparse
import csv
import gzip
import io
import itertools
import json
import os
import pathlib
import platform
import tempfile
import unicodedata

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
import tokenizers
import transformers
from tokenizers import Tokenizer, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/parity/data/tokenizer"
PRIME, START = 0x100000001B3, 0xCBF29CE484222325
BLOCK = 4096  # code points of one hash of the sweep
SHARED_TOKENIZERS = [  # folder of DIR/tokenizers, file
    ("bert-base-uncased", "tokenizer.json"), ("bert-base-uncased", "vocab.txt"), ("bert-base-cased", "vocab.txt"),
    ("all-MiniLM-L6-v2", "tokenizer.json"), ("distilbert-sst2", "tokenizer.json"), ("mbert-uncased", "tokenizer.json"),
    ("roberta-base", "tokenizer.json"), ("roberta-base", "vocab.json"), ("gpt2", "vocab.json"),
]
SWEPT = ("bert-base-uncased/tokenizer.json", "bert-base-cased/vocab.txt", "roberta-base/tokenizer.json")
BPE_CLASSES = {"roberta-base": "RobertaTokenizer", "gpt2": "GPT2Tokenizer"}  # of vocab.json with merges.txt
TEXT_COLUMNS = ("text", "text_natural", "comment")


class Hash:
    """The hash above, many words at a time."""

    def __init__(self):
        self.value = START
        self.powers = np.ones(1, dtype=np.uint64)

    def update(self, words):
        words = np.asarray(words, dtype=np.uint64)
        while len(self.powers) <= len(words):
            step = np.uint64(pow(PRIME, len(self.powers), 1 << 64))
            self.powers = np.concatenate([self.powers, self.powers * step])
        tail = int((words * self.powers[:len(words)][::-1]).sum(dtype=np.uint64))
        self.value = (self.value * int(self.powers[len(words)]) + tail) % (1 << 64)

    def __str__(self):
        return f"{self.value:016x}"


def byte_offsets(text, offsets):
    if text.isascii():
        return offsets
    starts = [0]
    for character in text:
        starts.append(starts[-1] + len(character.encode()))
    return [(starts[begin], starts[end]) for begin, end in offsets]


def hash_texts(tokenizer, texts):
    total = Hash()
    for first in range(0, len(texts), 5000):
        words = []
        chunk = texts[first:first + 5000]
        for text, encoding in zip(chunk, tokenizer.encode_batch(chunk)):
            words.append(len(encoding.ids))
            words += encoding.ids
            words += itertools.chain.from_iterable(byte_offsets(text, encoding.offsets))
        total.update(words)
    return str(total)


def sweep(tokenizer, prefix, suffix):
    hashes = []
    for block in range(0, 0x110000, BLOCK):
        scalars = [c for c in range(block, block + BLOCK) if not 0xD800 <= c <= 0xDFFF]
        hashes.append(hash_texts(tokenizer, [prefix + chr(c) + suffix for c in scalars]))
    return hashes


# --- the small vocabulary and its pipelines


def small_vocabulary():
    words = """the a of and to in is it this that not good bad great movie film was with for as but on you are one have
        he she they be so very well done never ever like love hate best worst review plot act ##ing ##ed ##s ##er
        ##ly ##ness
        ##able un ##un re dis ##est hello world naive cafe resume don t s ' can isn new york 2024 ##00 10 100 http
        www com
        user tokyo kyoto привет мир ##ив ##ет καλη ##μερα हिन्दी中 한국 שלום مرحبا""".split()
    letters = []
    for first, last in [(0x61, 0x7A), (0x30, 0x39), (0x41, 0x5A), (0xC0, 0xFF), (0x100, 0x17F), (0x3B1, 0x3C9),
                        (0x410, 0x44F),
                        (0x5D0, 0x5EA), (0x621, 0x64A), (0x905, 0x939), (0x3041, 0x3093), (0x1100, 0x1112),
                        (0x1161, 0x1175),
                        (0x11A8, 0x11C2), (0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)]:
        letters += [chr(c) for c in range(first, last + 1)]
    letters += list("中文日本語人大小 \u0301\u0307\u0327…—“”’£€©½²ßıſ😀👍")
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words + letters + ["##" + c for c in letters if c.strip()]
    return [token for token in dict.fromkeys(tokens) if token.strip()]


BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
        "lowercase": True}
CASED = {**BERT, "lowercase": False}
PROCESSOR = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}


def added(token_id, content, **flags):
    return {"id": token_id, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": False, **flags}


def pipelines(vocabulary):
    special = [added(i, vocabulary[i], special=True) for i in range(5)]
    n = len(vocabulary)
    split = {"type": "BertPreTokenizer"}
    forms = [{"type": form} for form in ("NFC", "NFKC", "NFD", "NFKD")]
    return {
        "uncased": (BERT, split, special),
        "cased": (CASED, split, special),
        "raw_bert": ({**BERT, "clean_text": False, "handle_chinese_chars": False, "strip_accents": False}, split,
                     special),
        "added_tokens": (BERT, split, special[:4] + [
            added(4, "[MASK]", special=True, lstrip=True), added(n, "<user>", rstrip=True),
            added(n + 1, "Good", normalized=True),
            added(vocabulary.index("act"), "act", single_word=True),
            added(n + 2, "É!", normalized=True, lstrip=True, rstrip=True)]),
        **{form["type"].lower(): (form, {"type": "WhitespaceSplit"}, special) for form in forms},
        "sequences": ({"type": "Sequence", "normalizers": [
            {"type": "Strip", "strip_left": True, "strip_right": True},
            {"type": "Replace", "pattern": {"String": "\u2019"}, "content": "'"},
            {"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "Prepend", "prepend": "_"}]},
            {"type": "Sequence", "pretokenizers": [{"type": "Whitespace"},
                                                   {"type": "Digits", "individual_digits": True},
                                                   {"type": "Punctuation", "behavior": "MergedWithPrevious"}]},
                                                   special),
    }


def pipeline_json(normalizer, pre_tokenizer, added_tokens, vocabulary):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens,
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer, "post_processor": PROCESSOR, "decoder": None,
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": vocabulary}}


GPT2_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_WORDS = GPT4_WORDS.replace("{1,3}", "")


def byte_level(add_prefix_space=False, use_regex=True):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def split_at(regex, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def byte_pair_model(**settings):
    """The 256 byte characters, and merges that spell a few words in two scripts and runs of spaces and digits."""
    tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] + sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = []
    for word in ["Ġthe", "Ġof", "Ġand", "Ġis", "Ġnot", "Ġgood", "good", "ing", "ed", "ly", "'s", "'t", "n't", "hello",
                 "Ġworld", "ĠĠ", "ĠĠĠĠ", "12", "123", "00", "!!", "...", "Ã©", "ä¸Ń", "Ġä¸Ń", "Ð¿ÑĢ", "ðŁĺ", "ĊĊ", "aaaa"]:
        left = word[0]
        for right in word[1:]:
            if left + right not in tokens:
                tokens.append(left + right)
                merges.append([left, right])
            left += right
    return {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
            "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
            "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges, **settings}


def character_pair_model(**settings):
    tokens = ["<unk>"] + list("abcdefghijklmnopqrstuvwxyz.!é") + ["<0xC3>", "<0xA8>", "<0xD0>"]
    tokens += [f"<0x{b:02X}>" for b in range(0x80, 0xC0) if b != 0xA8]
    return {"type": "BPE", "unk_token": "<unk>", "vocab": {token: i for i, token in enumerate(tokens + ["go", "th"])},
            "merges": ["g o", "t h"], **settings}


def byte_pair_pipelines():
    special = [added(i, token, special=True) for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>"])]
    mask = added(4, "<mask>", special=True, lstrip=True, normalized=True)
    model = byte_pair_model()
    n = len(model["vocab"])
    roberta = {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True,
               "add_prefix_space": True}
    llama = {"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                  {"Sequence": {"id": "A", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
         "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}]}
    both = {"type": "Sequence", "pretokenizers": [split_at(GPT4_WORDS), byte_level(use_regex=False)]}
    qwen = {"type": "Sequence", "pretokenizers": [split_at(QWEN2_WORDS, "Removed", True), byte_level(use_regex=False)]}
    literal = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"String": "o"}, "behavior": "MergedWithPrevious", "invert": False},
        split_at(GPT2_WORDS), {"type": "Digits", "individual_digits": True}, byte_level(True, False)]}
    plain = {"type": "Whitespace"}
    stages = {  # normalizer, pre-tokenizer, post-processor, added tokens, model
        "roberta": (None, byte_level(), {**roberta, "add_prefix_space": False}, special + [mask], model),
        "roberta_prefix": (None, byte_level(True), roberta, special + [mask, added(n, "good ", rstrip=True)], model),
        "untrimmed_prefix": (None, byte_level(True), {**roberta, "trim_offsets": False}, special + [mask], model),
        "modernbert": ({"type": "NFC"}, byte_level(), None, special + [mask, added(n, "  ", normalized=True)], model),
        "lowercase_bytes": ({"type": "Lowercase"}, byte_level(True), roberta, special + [mask], model),
        "llama3": (None, both, llama, special, byte_pair_model(ignore_merges=True)),
        "qwen2": (None, qwen, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}, special, model),
        "literal_split": (None, literal, roberta, special, model),
        "whole_text": (None, byte_level(use_regex=False), None, special, model),
        "unknown_vanish": (None, plain, None, [], character_pair_model(unk_token=None)),
        "unknown": (None, plain, None, [], character_pair_model()),
        "unknown_fused": (None, plain, None, [], character_pair_model(fuse_unk=True)),
        "byte_fallback": (None, plain, None, [], character_pair_model(byte_fallback=True)),
        "byte_fallback_fused": (None, None, None, [], character_pair_model(byte_fallback=True, fuse_unk=True)),
    }
    return {name: {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens,
                   "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post_processor,
                   "decoder": None, "model": bpe}
            for name, (normalizer, pre_tokenizer, post_processor, tokens, bpe) in stages.items()}


def hard_texts():
    plain = ["", " ", "\n\t\r\n", "a", "Hello, World!", "This movie was NOT good.", "don't can't won't isn't",
             "unaffable",
             "naïve café résumé", "NAÏVE CAFÉ RÉSUMÉ", "e\u0301e\u0301 E\u0301", "a\u0301\u0323b a\u0323\u0301b",
             "\u0301", "\u0301a",
             "a \u0301 b", "ﬁne ﬂoor ①②③ Ⅷ ½ ㎏", "İstanbul ISTANBUL ıstanbul", "STRASSE Straße ẞ",
             "ΟΔΥΣΣΕΥΣ Ὀδυσσεύς ᾈ ᾼ",
             "Привет, МИР! ёлка Ёлка й й", "हिन्दी भाषा", "שָׁלוֹם", "مَرْحَبًا", "中文字符 mixed 日本語テキスト", "a中b", "中中中",
             "한국어 각 가", "\u1100\u1161\u11a8",
             "東京tower2024", "\uf900 \u2f81a \U0002f800", "good\u200bbad\u200dgood \ufeffact", "soft\u00adhyphen",
             "nul\x00byte\x7f\x1b[0m",
             "\ufffd replaced \ufffd", "nbsp\u00a0here\u3000there\u2003x\u1680y\u0085z\u2028w", "v\x0bt f\x0cf",
             "😀👍🏽 👩‍👩‍👧‍👦 🇩🇪 ❤️", "100% $5.00 #1 @user a+b=c <b>x</b>",
             "http://www.example.com/a?b=c&d=e#f", "it's “quoted” — and… ‘so’ on", "¡Hola! ¿Qué? «no»",
             "; \u1fef \u2260 \u226e ≮", "\u037e \u0387 \u0340 \u0344",
             "[MASK] [CLS][SEP] [PAD]x [mask] [UNK", " [MASK] ", "a[MASK]b", "<user>  hi <user>",
             "good Good GOOD goodness", "act react acting act! act",
             "É! é! x É!  y", "_under_score_", "##ing ##", "a" * 99, "a" * 100, "a" * 101, "é" * 100, "é" * 101,
             "ab" * 60 + " ok", "x" * 300 + "!",
             "a\u302eb\u302f", "\u302e\u0301\u0323a", "가\u302e\u0323나", "\U0001d15e\U0001d165\U0001d16d",
             "\u1dfa\u0301 \u1ac1\u0323", "\U00011938\U00011935\U00011930",
             "\u0f73\u0f71\u0f72 \u0f43", "\ue000 \U000f0000 \U0010ffff", "\ufdfa \ufb2c \ufb1d",
             "\u0958 \u0915\u093c", "a\u0327\u0301 a\u0301\u0327", "q\u0307\u0323 \u1e9b\u0323",
             "1\u06642\u0663 \u0967\u0968 ⅷ ²³", "\u00aa\u00ba\u2071 \u1d2c", "ŉ ǅ ǈ ǋ Ǆ", "\u212a \u212b \u2126",
             "\u1c89 \ua7cb \U00010d50", "tab\there", "trailing   ", "   leading"]
    sentences = ["I can't say I loved it, but it was well done.", "WORST. FILM. EVER!!!",
                 "The plot is thin... yet I never looked away :-)",
                 "“Great acting,” she said — “and very good music.”", "10/10 would watch again; 100% recommended",
                 "@user check http://t.co/x #love ❤",
                 "not bad at all", "Don’t waste your money", "Très bien joué, mais l'histoire est faible.",
                 "Der Film war großartig, aber zu lang."]
    marks = [chr(c) for c in range(0x300, 0x370, 7)]
    woven = ["".join(a + b for a, b in zip("goodactfilm", marks[i:] + marks[:i])) for i in range(0, len(marks), 2)]
    composed = [unicodedata.normalize(form, s) for s in sentences + plain[8:25] for form in ("NFD", "NFKC")]
    return list(dict.fromkeys(plain + sentences + woven + composed))


PAIRS = [("good", "bad"), ("", ""), ("", "a b"), ("a " * 7, "b " * 12), ("b " * 12, "a " * 7), ("hello world", "é中 x"),
         ("a " * 30, "b " * 29)]
LIMITS = [2, 3, 4, 5, 8, 9, 16]


def cases_of(tokenizer, texts):
    cases = []
    for text in texts:
        encoding = tokenizer.encode(text)
        offsets = [x for pair in byte_offsets(text, encoding.offsets) for x in pair]
        cases.append([text, encoding.ids, offsets])
    return cases


def ids_and_offsets(texts, encoding):
    """Of a pair's tokens too, each in its own text."""
    offsets = []
    for span, sequence in zip(encoding.offsets, encoding.sequence_ids):
        offsets += byte_offsets(texts[sequence or 0], [span])[0]
    return encoding.ids, offsets


def truncated_cases(tokenizer):
    cases = []
    for side in ("right", "left"):
        for limit in LIMITS:
            tokenizer.enable_truncation(limit, direction=side)
            for text in ("", "good bad", "hello, unaffable world!", "é中x " * 5):
                cases.append([side, limit, text, None, *ids_and_offsets([text], tokenizer.encode(text))])
            if limit >= tokenizer.num_special_tokens_to_add(True):
                cases += [[side, limit, a, b, *ids_and_offsets([a, b], tokenizer.encode(a, b))] for a, b in PAIRS]
    tokenizer.no_truncation()
    return cases


# --- the big sets


def texts_of(path):
    """Every cell of a text column, or `text` of every JSON line, in file order."""
    data = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    if ".jsonl" in path.name:
        return [json.loads(line)["text"] for line in data.decode().splitlines() if line]
    latin1 = "latin1" in path.name
    text = data.decode("latin-1" if latin1 else "utf-8-sig")
    csv.field_size_limit(1 << 30)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if latin1 else ","))
    columns = [i for i, name in enumerate(rows[0]) if name in TEXT_COLUMNS]
    return [row[i] for row in rows[1:] for i in columns if i < len(row)]


def shared_tokenizer(folder, file):
    if file == "tokenizer.json":
        tokenizer = Tokenizer.from_file(str(folder / file))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
    with tempfile.TemporaryDirectory() as directory:
        copy = pathlib.Path(directory)
        (copy / file).write_bytes((folder / file).read_bytes())
        if file == "vocab.json":
            (copy / "merges.txt").write_bytes((folder / "merges.txt").read_bytes())
            return getattr(transformers, BPE_CLASSES[folder.name]).from_pretrained(copy).backend_tokenizer
        (copy / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": "uncased" in folder.name}))
        return transformers.BertTokenizerFast.from_pretrained(copy).backend_tokenizer


def write_json(path, value):
    """One line for each entry of the outer two levels, so that a change shows as a small diff."""
    def dump(node, depth):
        if depth > 0 and isinstance(node, (dict, list)) and node:
            items = ([f"{json.dumps(k, ensure_ascii=False)}: {dump(v, depth - 1)}" for k, v in node.items()]
                     if isinstance(node, dict) else [dump(v, depth - 1) for v in node])
            opening, closing = "{}" if isinstance(node, dict) else "[]"
            return opening + "\n" + ",\n".join(items) + "\n" + closing
        return json.dumps(node, ensure_ascii=False, separators=(",", ":"))
    path.write_text(dump(value, 3) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    parser.add_argument("--new", action="store_true", help="leave alone what hashes.json has by the same versions")
    arguments = parser.parse_args()
    shared = arguments.shared
    recorded = {"command": "python tools/make_tokenizer_goldens.py", "tokenizers": tokenizers.__version__,
                "transformers": transformers.__version__, "python": platform.python_version()}
    OUT.mkdir(parents=True, exist_ok=True)
    vocabulary = small_vocabulary()
    (OUT / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    ids = {token: i for i, token in enumerate(vocabulary)}

    texts, small, stored = hard_texts(), {}, {}
    for name, parts in pipelines(vocabulary).items():
        small[name] = Tokenizer.from_str(json.dumps(pipeline_json(*parts, ids)))
        stored[name] = {"tokenizer": pipeline_json(*parts, {}), "cases": cases_of(small[name], texts)}
    for name, parts in byte_pair_pipelines().items():
        small[name] = Tokenizer.from_str(json.dumps(parts))
        stored[name] = {"tokenizer": parts, "cases": cases_of(small[name], texts)}
    write_json(OUT / "cases.json", {"recorded": recorded, "pipelines": stored,
                                    "truncated": truncated_cases(small["uncased"]),
                                    "truncated_roberta": truncated_cases(small["roberta_prefix"])})

    kept = json.loads((OUT / "hashes.json").read_text()) if arguments.new else {}
    if kept.get("recorded") != recorded:
        kept = {"sweeps": {}, "sets": {}}
    sweeps, sets = {}, {}
    for name in ("uncased", "cased", "llama3"):
        if f"small {name}" in kept["sweeps"]:
            sweeps[f"small {name}"] = kept["sweeps"][f"small {name}"]
            continue
        sweeps[f"small {name}"] = {"alone": sweep(small[name], "", ""), "between": sweep(small[name], "a", "b")}
    files = sorted(p for p in (shared / "data").rglob("*") if p.name.endswith((".csv", ".csv.gz", ".jsonl")))
    read = {str(path.relative_to(shared)): texts_of(path) for path in files}
    for folder, file in SHARED_TOKENIZERS:
        tokenizer = shared_tokenizer(shared / "tokenizers" / folder, file)
        key = f"{folder}/{file}"
        if set(kept["sets"].get(key, ())) == {"hard texts", *read}:
            sets[key] = kept["sets"][key]
            sweeps.update({key: kept["sweeps"][key]} if key in kept["sweeps"] else {})
            continue
        sets[key] = {"hard texts": [len(texts), hash_texts(tokenizer, texts)]}
        sets[key].update({path: [len(rows), hash_texts(tokenizer, rows)] for path, rows in read.items()})
        if key in SWEPT:
            sweeps[key] = {"alone": sweep(tokenizer, "", ""), "between": sweep(tokenizer, "a", "b")}
        print(key, flush=True)
    write_json(OUT / "hashes.json", {"recorded": recorded, "sweeps": sweeps, "sets": sets})


if __name__ == "__main__":
    main()
