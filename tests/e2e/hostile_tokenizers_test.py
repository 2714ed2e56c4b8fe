"""Broken and hostile vocabularies, of every kind of file; what a refusal says and what it costs."""
import base64
import json
import struct
import unittest

from hostile_files import GOLDENS, MB, Refusals, repeated, sparse
from support import VOCABULARY


def word_piece(**changes):
    """A tokenizer.json of the tiny model's vocabulary."""
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}
    tokenizer = {"added_tokens": [], "normalizer": normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"},
                 "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                           "max_input_chars_per_word": 100,
                           "vocab": {token: i for i, token in enumerate(VOCABULARY)}}}
    tokenizer.update(changes)
    return json.dumps(tokenizer)


def model_of(kind, **members):
    return word_piece(normalizer=None, pre_tokenizer=None, post_processor=None, model={"type": kind, **members})


def with_vocab(text):
    """A tokenizer.json whose vocabulary is written so."""
    return word_piece(model={"type": "WordPiece", "unk_token": "[UNK]", "vocab": "HERE"}).replace('"HERE"', text)


def split_by(pattern):
    return word_piece(pre_tokenizer={"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                                     "invert": False})


def charsmap(data):
    return word_piece(normalizer={"type": "Precompiled", "precompiled_charsmap": base64.b64encode(data).decode()})


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def piece(text, score=-1.0):
    return field(1, field(1, text) + b"\x15" + struct.pack("<f", score))


class Tokenizers(Refusals):
    def test_tokenizer_json(self):
        self.without("vocab.txt")
        merges = {"vocab": {"a": 0, "b": 1, "ab": 2}, "unk_token": None}
        self.check_all("tokenizer.json", [
            ("empty", "", "not valid JSON"),
            ("not JSON", "tokenizer", "not valid JSON"),
            ("list", "[]", "expected an object"),
            ("300 MB of zeros", sparse(300 * MB), "314572800", "268435456"),
            ("200 MB of zeros", sparse(200 * MB), "NUL at byte 0"),
            ("200 MB of zeros after a brace", sparse(200 * MB, b"{"), "NUL at byte 1"),
            ("200 MB of one string", repeated(b'{"a": "', b"a", 200 * MB, b'"}'), "8388608"),
            ("200 MB of one token", repeated(b'{"model": {"vocab": {"', b"a", 200 * MB, b'": 1}}}'), "8388608"),
            ("200 MB of white space", repeated(b"{", b" ", 200 * MB, b"}"), "8388608"),
            ("200 MB of digits", repeated(b'{"a": ', b"1", 200 * MB, b"}"), "8388608"),
            ("200 MB of brackets", repeated(b"", b"[", 200 * MB), "nested"),
            ("100,000 brackets", "[" * 100_000, "nested"),
            ("100,000 braces in the vocabulary", '{"model": {"vocab": ' + '{"a":' * 100_000, "nested"),
            ("a million values beside the model", json.dumps({"a": [1] * 1_100_000}), "1000000 values"),
            ("vocabulary cut", word_piece()[:-100], "not valid JSON"),
            ("no model", "{}", '"model"'),
            ("unknown model", model_of("Sentence", vocab={}), '"Sentence"', "WordPiece"),
            ("empty vocabulary", with_vocab("{}"), "vocab", "empty"),
            ("id twice", with_vocab('{"[UNK]": 0, "a": 1, "b": 1}'), '"a" and "b"', "same id 1"),
            ("token twice", with_vocab('{"[UNK]": 0, "a": 1, "a": 2}'), '"a"', "two ids"),
            ("negative id", with_vocab('{"[UNK]": 0, "a": -1}'), '"a"', "-1"),
            ("id of 2^31", with_vocab('{"[UNK]": 0, "a": 2147483648}'), '"a"', "2147483648"),
            ("id of 2^64", with_vocab('{"[UNK]": 0, "a": 18446744073709551616}'), '"a"', "integer"),
            ("id with a fraction", with_vocab('{"[UNK]": 0, "a": 1.5}'), '"a"', "integer"),
            ("id as text", with_vocab('{"[UNK]": 0, "a": "1"}'), '"a"', "integer"),
            ("not UTF-8", word_piece().encode().replace(b"good", b"g\xffod"), "UTF-8"),
            ("merge of an unknown token", model_of("BPE", **merges, merges=["a c"]), "merges", '"c"'),
            ("merge into an unknown token", model_of("BPE", **merges, merges=["b a"]), "merges", '"ba"'),
            ("merge of three", model_of("BPE", **merges, merges=["a b ab"]), "merges", '"a b ab"'),
            ("merges that are no list", model_of("BPE", **merges, merges={"a": "b"}), "merges"),
            ("score that is no number", model_of("Unigram", unk_id=0, vocab=[["a", "b"]]), "vocab", "score"),
            ("unknown beyond the vocabulary", model_of("Unigram", unk_id=5, vocab=[["a", -1]]), "unk_id"),
            ("regular expression of 1 MB", split_by("a|" * (MB // 2)), "pre_tokenizer"),
            ("regular expression with &&", split_by("[a-z&&[^b]]"), "pre_tokenizer", "&&"),
            ("regular expression that is none", split_by("(a"), "pre_tokenizer"),
            ("normalization rules cut", charsmap(b"\x10\0\0\0ab"), "normalizer", "trie"),
            ("normalization rules of 2 bytes", charsmap(b"ab"), "normalizer", "2 bytes"),
            ("normalization rules not UTF-8", charsmap(b"\4\0\0\0" + b"\0" * 4 + b"\xff"), "normalizer", "UTF-8"),
            ("rules that are no base64",
             word_piece(normalizer={"type": "Precompiled", "precompiled_charsmap": "?"}), "normalizer"),
            ("added token of 2 KB", word_piece(added_tokens=[{"id": 50, "content": "a" * 2000}]), "1024"),
            ("added token without id", word_piece(added_tokens=[{"content": "a"}]), "added_tokens", "id"),
            ("added token with another id", word_piece(added_tokens=[{"id": 4, "content": "good"}]), '"good"'),
            ("special token outside",
             word_piece(post_processor={"type": "BertProcessing", "sep": ["[SEP]", 99], "cls": ["[CLS]", 2]}),
             "post_processor", "99"),
            ("tokenizer of another model", with_vocab('{"[UNK]": 0, "[CLS]": 2, "[SEP]": 3, "a": 2000000000}')),
        ])

    def test_vocab_txt(self):
        self.check_all("vocab.txt", [
            ("empty", "", "empty"),
            ("200 MB of zeros", sparse(200 * MB), "vocab.txt:1", "65536"),
            ("200 MB of one line", repeated(b"[PAD]\n", b"a", 200 * MB), "vocab.txt:2", "65536"),
            ("over the limit, 1 GB", sparse(1024 * MB), "1073741824"),
            ("not UTF-8", b"[PAD]\n\xff\n", "UTF-8", "byte 6"),
            ("no unknown token", "[PAD]\n[CLS]\n[SEP]\na\n", "[UNK]"),
        ])

    def test_vocab_json_and_merges(self):
        self.without("vocab.txt")
        self.put("tokenizer_config.json", '{"tokenizer_class": "GPT2Tokenizer"}')
        self.put("merges.txt", "#version: 0.2\na b\n")
        self.check_all("vocab.json", [
            ("empty", "", "JSON"),
            ("list", "[]", "JSON object"),
            ("200 MB of zeros", sparse(200 * MB), "NUL at byte 0"),
            ("200 MB of one token", repeated(b'{"', b"a", 200 * MB, b'": 1}'), "65536"),
            ("200 MB of brackets", repeated(b"", b"[", 200 * MB), "nested"),
            ("over the limit, 1 GB", sparse(1024 * MB), "1073741824"),
            ("id twice", '{"a": 0, "b": 0}', "same id 0"),
            ("negative id", '{"a": -1}', "-1"),
            ("id of 2^31", '{"a": 2147483648}', "2147483648"),
            ("token twice", '{"a": 0, "a": 1}', '"a"', "two ids"),
            ("text after it", '{"a": 0} x', "expected the end"),
            ("not UTF-8", b'{"\xff": 0}', "UTF-8"),
        ])
        self.put("vocab.json", '{"a": 0, "b": 1, "ab": 2}')
        self.check_all("merges.txt", [
            ("merge of an unknown token", "a c\n", '"c"'),
            ("merge into an unknown token", "b a\n", '"ba"'),
            ("one word", "#version: 0.2\na\n", "merges.txt:2", '"a"'),
            ("not UTF-8", b"a \xff\n", "UTF-8"),
            ("200 MB of zeros", sparse(200 * MB), "merges.txt:1", "65536"),
            ("over the limit, 1 GB", sparse(1024 * MB), "1073741824"),
        ])

    def test_sentencepiece(self):
        self.without("vocab.txt")
        self.put("tokenizer_config.json", '{"tokenizer_class": "XLMRobertaTokenizer"}')
        whole = (GOLDENS / "sentencepiece/unigram.model").read_bytes()
        name = "sentencepiece.bpe.model"
        self.check_all(name, [
            ("empty", b"", "no pieces"),
            ("text", "not a model\n"),
            ("200 MB of zeros", sparse(200 * MB), "byte 0", "field 0"),
            ("piece of 200 MB", sparse(200 * MB, b"\x0a" + varint(199 * MB)), "byte 0", "65536"),
            ("settings of 200 MB", sparse(200 * MB, b"\x12" + varint(199 * MB)), "byte 0", "16777216"),
            ("over the limit, 1 GB", sparse(1024 * MB), "1073741824"),
            ("cut in a piece", whole[:1000], "byte"),
            ("number of more than 64 bits", b"\xff" * 11, "64 bits"),
            ("length beyond the message", b"\x0a\x7f" + b"\0" * 10, "127 bytes"),
            ("group", b"\x0b" * 100_000, "wire type 3"),
            ("piece that is not UTF-8", piece(b"\xff") * 3, "UTF-8"),
            ("score that is no number", field(1, field(1, b"a") + field(2, b"b")), "wire type"),
            ("BPE instead of Unigram", piece(b"<unk>") + field(2, b"\x18\x02"), "type 2", "save_pretrained"),
            ("rules cut", whole + field(3, field(2, b"\xff\xff\0\0ab")), "trie"),
        ])

    def test_no_vocabulary_at_all(self):
        self.without("vocab.txt")
        self.check("no vocabulary", "tokenizer_config.json", "{}", "tokenizer.json", "vocab.txt", "save_pretrained",
                   where="tiny")

    def test_merges_that_are_missing(self):
        self.without("vocab.txt")
        self.check("no merges.txt", "vocab.json", '{"a": 0}', where="merges.txt")


if __name__ == "__main__":
    unittest.main()
