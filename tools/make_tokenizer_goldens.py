#!/usr/bin/env python3
"""Records what PyPI `tokenizers` makes of texts, for tests/parity/tokenizer_test.cpp.

    python tools/make_tokenizer_goldens.py [--shared DIR]      # needs tokenizers, transformers and numpy

Writes into tests/parity/data/tokenizer:
  vocab.txt     a small vocabulary that tells the characters of many scripts apart
  cases.json    a few hundred hard texts with their ids and offsets, through several pipelines over vocab.txt
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
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/parity/data/tokenizer"
PRIME, START = 0x100000001B3, 0xCBF29CE484222325
BLOCK = 4096  # code points of one hash of the sweep
SHARED_TOKENIZERS = [  # folder of DIR/tokenizers, file
    ("bert-base-uncased", "tokenizer.json"), ("bert-base-uncased", "vocab.txt"), ("bert-base-cased", "vocab.txt"),
    ("all-MiniLM-L6-v2", "tokenizer.json"), ("distilbert-sst2", "tokenizer.json"), ("mbert-uncased", "tokenizer.json"),
]
SWEPT = ("bert-base-uncased/tokenizer.json", "bert-base-cased/vocab.txt")
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


def truncated_cases(tokenizer):
    cases = []
    for side in ("right", "left"):
        for limit in LIMITS:
            tokenizer.enable_truncation(limit, direction=side)
            for text in ("", "good bad", "hello, unaffable world!", "é中x " * 5):
                cases.append([side, limit, text, None, tokenizer.encode(text).ids])
            if limit >= 3:
                cases += [[side, limit, a, b, tokenizer.encode(a, b).ids] for a, b in PAIRS]
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
    shared = parser.parse_args().shared
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
    write_json(OUT / "cases.json", {"recorded": recorded, "pipelines": stored,
                                    "truncated": truncated_cases(small["uncased"])})

    sweeps, sets = {}, {}
    for name in ("uncased", "cased"):
        sweeps[f"small {name}"] = {"alone": sweep(small[name], "", ""), "between": sweep(small[name], "a", "b")}
    files = sorted(p for p in (shared / "data").rglob("*") if p.name.endswith((".csv", ".csv.gz", ".jsonl")))
    read = {str(path.relative_to(shared)): texts_of(path) for path in files}
    for folder, file in SHARED_TOKENIZERS:
        tokenizer = shared_tokenizer(shared / "tokenizers" / folder, file)
        key = f"{folder}/{file}"
        sets[key] = {"hard texts": [len(texts), hash_texts(tokenizer, texts)]}
        sets[key].update({path: [len(rows), hash_texts(tokenizer, rows)] for path, rows in read.items()})
        if key in SWEPT:
            sweeps[key] = {"alone": sweep(tokenizer, "", ""), "between": sweep(tokenizer, "a", "b")}
        print(key, flush=True)
    write_json(OUT / "hashes.json", {"recorded": recorded, "sweeps": sweeps, "sets": sets})


if __name__ == "__main__":
    main()
