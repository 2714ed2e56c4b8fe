"""Hostile and wrong GGUF files: each refused with its place and cause, in 100 ms and 32 MB."""
import os
import struct
import subprocess
import time
import unittest

from support import BINARY, InTemporaryFolder

MOST_SECONDS = 0.1
MOST_BYTES = 32 << 20
U32, F32, BOOL, STRING, ARRAY, U64 = 4, 6, 7, 8, 9, 10
HIDDEN, INNER, TOKENS = 2, 4, ["[UNK]", "[CLS]", "[SEP]", "\u2581good"]


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def u32(value):
    return U32, struct.pack("<I", value)


def strings(values):
    return ARRAY, struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values))


class Gguf:
    """A tiny BERT classifier, all weights zero, whose every part can be made wrong."""

    def __init__(self):
        self.keys = {"general.architecture": (STRING, text("bert")), "bert.embedding_length": u32(HIDDEN),
                     "bert.attention.head_count": u32(1), "bert.context_length": u32(8), "bert.block_count": u32(1),
                     "bert.feed_forward_length": u32(INNER),
                     "bert.attention.layer_norm_epsilon": (F32, struct.pack("<f", 1e-12)),
                     "tokenizer.ggml.token_type_count": u32(2), "tokenizer.ggml.model": (STRING, text("bert")),
                     "tokenizer.ggml.tokens": strings(TOKENS)}
        self.tensors = {}  # name -> [extents as the file has them, type, offset], offsets counted in order
        for name, shape in (("token_embd", [HIDDEN, len(TOKENS)]), ("position_embd", [HIDDEN, 8]),
                            ("token_types", [HIDDEN, 2])):
            self.add(f"{name}.weight", shape)
        for name, into, out in (("blk.0.attn_q", HIDDEN, HIDDEN), ("blk.0.attn_k", HIDDEN, HIDDEN),
                                ("blk.0.attn_v", HIDDEN, HIDDEN), ("blk.0.attn_output", HIDDEN, HIDDEN),
                                ("blk.0.ffn_up", HIDDEN, INNER), ("blk.0.ffn_down", INNER, HIDDEN),
                                ("cls", HIDDEN, HIDDEN), ("cls.output", HIDDEN, 2)):
            self.add(f"{name}.weight", [into, out])
            self.add(f"{name}.bias", [out])
        for name in ("token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"):
            self.add(f"{name}.weight", [HIDDEN])
            self.add(f"{name}.bias", [HIDDEN])

    def add(self, name, shape):
        self.tensors[name] = [shape, 0, 64 * len(self.tensors)]

    def drop(self, *names):
        for name in names:
            del self.tensors[name]
        return self

    def key(self, name, value):
        self.keys[name] = value
        return self

    def tensor(self, name, at, value):
        self.tensors[name][at] = value
        return self

    def header(self, magic=b"GGUF", version=3, tensors=None, keys=None):
        return magic + struct.pack("<IQQ", version, len(self.tensors) if tensors is None else tensors,
                                   len(self.keys) if keys is None else keys)

    def metadata(self):
        return b"".join(text(name) + struct.pack("<I", kind) + value for name, (kind, value) in self.keys.items())

    def infos(self):
        return b"".join(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)
                        for name, (shape, kind, offset) in self.tensors.items())

    def image(self, **header):
        image = self.header(**header) + self.metadata() + self.infos()
        return image + bytes(-len(image) % 32) + bytes(64 * 64)


def repeated_key():
    gguf = Gguf()
    again = text("bert.block_count") + struct.pack("<II", U32, 1)
    return gguf.header(keys=len(gguf.keys) + 1) + gguf.metadata() + again + gguf.infos() + bytes(64 * 64)


def repeated_tensor():
    gguf = Gguf()
    image = gguf.header(tensors=len(gguf.tensors) + 1) + gguf.metadata() + gguf.infos()
    return image + text("cls.bias") + struct.pack("<IQIQ", 1, HIDDEN, 0, 64 * 40) + bytes(64 * 64)


def first_key(value):
    """A file whose first key begins with `value`."""
    return Gguf().header() + value + bytes(4096)


def wrong_files():
    """What is wrong -> (the file, words of the message)"""
    new = Gguf
    big = 1 << 63
    return {
        "another magic": (new().image(magic=b"GGUX"), "GGUF"),
        "nothing at all": (b"", "GGUF"),
        "a pickle": (b"\x80\x02}q\x00." * 100, "GGUF"),
        "version 1": (new().image(version=1), "version 1"),
        "version 99": (new().image(version=99), "version 99"),
        "big-endian": (new().image(version=3 << 24), "big-endian"),
        "2^63 tensors": (new().image(tensors=big), "tensors"),
        "2^63 keys": (new().image(keys=big), "keys"),
        "more keys than there are": (new().image(keys=60_000), "metadata key"),
        "more tensors than there are": (new().image(tensors=60_000), "tensor"),
        "a key of 2^64-1 bytes": (first_key(struct.pack("<Q", (1 << 64) - 1)), "bytes"),
        "a key without text": (first_key(struct.pack("<Q", 0)), "empty"),
        "a key that is no UTF-8": (first_key(text(b"\xff\xfe")), "UTF-8"),
        "a value of the type 13": (new().key("a", (13, b"")).image(), "the type of its value is 13"),
        "a text of 2^62 bytes": (new().key("a", (STRING, struct.pack("<Q", 1 << 62))).image(), "bytes"),
        "an array of 2^61 texts": (new().key("a", (ARRAY, struct.pack("<IQ", STRING, 1 << 61))).image(), "announces 2305843009213693952 elements"),
        "an array of 2^61 numbers": (new().key("a", (ARRAY, struct.pack("<IQ", U64, 1 << 61))).image(), "announces 2305843009213693952 elements"),
        "arrays in an array": (new().key("a", (ARRAY, struct.pack("<IQIQ", ARRAY, 1, U32, 0))).image(), "array"),
        "a bool of 2": (new().key("bert.attention.causal", (BOOL, b"\2")).image(), "causal"),
        "a key twice": (repeated_key(), "bert.block_count"),
        "an alignment of 0": (new().key("general.alignment", u32(0)).image(), "general.alignment"),
        "an alignment of 24": (new().key("general.alignment", u32(24)).image(), "general.alignment"),
        "an alignment in words": (new().key("general.alignment", (STRING, text("32"))).image(), "general.alignment"),
        "a tensor twice": (repeated_tensor(), "cls.bias"),
        "five extents": (new().tensor("cls.bias", 0, [1, 1, 1, 1, 2]).image(), "cls.bias"),
        "an extent of 0": (new().tensor("cls.bias", 0, [0]).image(), "cls.bias"),
        "a product beyond 64 bits": (new().tensor("cls.bias", 0, [1 << 32, 1 << 32]).image(), "cls.bias"),
        "a tensor type that no one knows": (new().tensor("cls.bias", 1, 999).image(), "999"),
        "a tensor type that is not read": (new().tensor("cls.bias", 1, 16).image(), "IQ2_XXS"),
        "a row of part of a block": (new().tensor("cls.bias", 1, 8).image(), "cls.bias"),
        "an offset between": (new().tensor("cls.bias", 2, 7).image(), "cls.bias"),
        "an offset beyond the file": (new().tensor("cls.bias", 2, 1 << 40).image(), "cls.bias"),
        "an offset of 2^64-32": (new().tensor("cls.bias", 2, (1 << 64) - 32).image(), "cls.bias"),
        "two tensors in one place": (new().tensor("cls.bias", 2, 0).image(), "cls.bias"),
        "another architecture": (new().key("general.architecture", (STRING, text("mamba"))).image(), "mamba", "bert"),
        "an architecture in numbers": (new().key("general.architecture", u32(1)).image(), "general.architecture"),
        "a lost pooler": (new().drop("cls.weight", "cls.bias").image(), "lost its pooler"),
        "a lost head": (new().drop("cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias").image(),
                        "no classification head"),
        "a lost layer": (new().drop("blk.0.ffn_up.weight").image(), "blk.0.ffn_up.weight"),
        "10^9 layers": (new().key("bert.block_count", u32(10 ** 9)).image(), "bert.block_count"),
        "no layers said": (new_without("bert.block_count").image(), "bert.block_count"),
        "a width that tensors have not": (new().key("bert.embedding_length", u32(4)).image(), "token_embd.weight"),
        "a context of 2^32-1": (new().key("bert.context_length", u32((1 << 32) - 1)).image(), "context_length"),
        "labels that are numbers": (new().key("bert.classifier.output_labels", u32(2)).image(), "output_labels"),
        "a label too many": (new().key("bert.classifier.output_labels", strings(["a", "b", "c"])).image(), "labels"),
        "a part of a split model": (new().key("split.count", u32(3)).image(), "parts"),
        "types of another number": (new().key("tokenizer.ggml.token_type", (ARRAY, struct.pack("<IQI", 5, 1, 1))).image(),
                                    "token_type has 1"),
        "tokens that are numbers": (new().key("tokenizer.ggml.tokens", (ARRAY, struct.pack("<IQ4I", U32, 4, 1, 2, 3, 4)))
                                    .image(), "tokenizer.ggml.tokens"),
        "a special id beyond the tokens": (new().key("tokenizer.ggml.cls_token_id", u32(4)).image(), "the id 4"),
        "another kind of tokenizer": (new().key("tokenizer.ggml.model", (STRING, text("rwkv"))).image(), "rwkv"),
        "a tokenizer.json that is none": (new().key("tokenizer.huggingface.json", (STRING, text("{" * 100_000))).image(),
                                          "tokenizer.huggingface.json"),
        "a longer text than is allowed": (first_key(text(b"k" * 100_000)), "bytes"),
    }


def new_without(key):
    gguf = Gguf()
    del gguf.keys[key]
    return gguf


class BadGguf(InTemporaryFolder):
    def run_measured(self, path):
        """(exit code, message, seconds, bytes of memory)"""
        with open(self.folder / "stderr", "w+b") as stderr:
            begin = time.monotonic()
            process = subprocess.Popen([BINARY, "classify", "-m", path, "-t", "good"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=stderr)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            stderr.seek(0)
            return process.returncode, stderr.read().decode(), seconds, usage.ru_maxrss * 1024

    def refused(self, path, *words):
        code, message, seconds, memory = self.run_measured(path)
        self.assertIn(code, (2, 3), message)
        self.assertTrue(message.startswith("error: "), message)
        for word in (path.name, *words):
            self.assertIn(word, message)
        for _ in range(4):  # a busy machine is no fault of the file's
            if seconds <= MOST_SECONDS:
                break
            seconds = min(seconds, self.run_measured(path)[2])
        self.assertLessEqual(seconds, MOST_SECONDS)
        self.assertLessEqual(memory - self.baseline, MOST_BYTES)

    def setUp(self):
        super().setUp()
        self.baseline = self.run_measured(self.folder / "none.gguf")[3]

    def test_the_file_that_the_others_are_made_of_is_a_classifier(self):
        code, message, _, _ = self.run_measured(self.file("good.gguf", Gguf().image()))
        self.assertEqual(code, 0, message)

    def test_each_wrong_file_is_refused_with_its_cause_in_time(self):
        for what, (image, *words) in wrong_files().items():
            with self.subTest(what):
                self.refused(self.file("bad.gguf", image), *words)

    def test_a_file_cut_in_any_section_is_refused(self):
        gguf = Gguf()
        image = gguf.image()
        sections = [0, len(gguf.header()), len(gguf.header() + gguf.metadata()),
                    len(gguf.header() + gguf.metadata() + gguf.infos())]
        data = len(image) - 64 * 64
        for at in [1, 3, 4, 8, 12, 20, *(begin + step for begin in sections[1:] for step in (0, 1, 9, 30)), data,
                   data + 64 * (len(gguf.tensors) - 1)]:
            with self.subTest(at):
                self.refused(self.file("cut.gguf", image[:at]), "")

    def test_a_sparse_giant_is_refused_without_being_read(self):
        for name, begin, words in (("zeros.gguf", b"", "GGUF"), ("text.gguf", Gguf().header() + struct.pack("<Q", 1 << 34),
                                                                 "bytes")):
            path = self.file(name, begin)
            os.truncate(path, 1 << 35)
            self.refused(path, words)

    def test_byte_tokens_that_name_no_byte_do_no_harm(self):
        for spelling in ("<0x-1>", "<0xZZ>", "<0x", "<0x1FF>"):
            gguf = Gguf().key("tokenizer.ggml.model", (STRING, text("llama")))
            gguf.key("tokenizer.ggml.tokens", strings(["<unk>", "<s>", "</s>", spelling]))
            gguf.key("tokenizer.ggml.scores", (ARRAY, struct.pack("<IQ4f", F32, 4, 0, 0, 0, 0)))
            code, message, _, _ = self.run_measured(self.file("bytes.gguf", gguf.image()))
            self.assertEqual(code, 0, message)

    def test_a_directory_of_several_names_them(self):
        for name in ("a.gguf", "b.gguf"):
            self.file(f"several/{name}", Gguf().image())
        self.refused(self.folder / "several", "a.gguf", "b.gguf")

    def test_convert_refuses_them_too_and_leaves_nothing(self):
        bad = self.file("bad.gguf", Gguf().drop("cls.weight", "cls.bias").image())
        out = self.folder / "out"
        result = subprocess.run([BINARY, "models", "convert", bad, "--to", "safetensors", "-o", out], capture_output=True,
                                check=False, timeout=60)
        self.assert_refused(result, 3, "lost its pooler")
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
