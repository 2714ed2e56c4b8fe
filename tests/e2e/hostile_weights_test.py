"""Broken and hostile files of weights: safetensors, index, pickles, adapters; what a refusal says and what it costs."""
import json
import os
import pickle
import shutil
import struct
import unittest

from hostile_files import GOLDENS, MB, MEMORY_ALLOWED_KB, Refusals, repeated, sparse
from support import safetensors


def with_header(header, body=b""):
    """A safetensors file of a header, as JSON or as bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(begin, end, shape, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


class Safetensors(Refusals):
    def test_single_file(self):
        whole = (self.model / "model.safetensors").read_bytes()
        two = {"a": tensor(0, 4, [1]), "b": tensor(4, 8, [1])}
        self.check_all("model.safetensors", [
            ("empty", b"", "empty"),
            ("shorter than its length field", b"\x10\0\0", "3 bytes"),
            ("header longer than the file", struct.pack("<Q", 1000) + b"{}", "1000", "2 follow"),
            ("header of 2^63 bytes", struct.pack("<Q", 2**63) + whole[8:], "9223372036854775808"),
            ("header of 2^64-1 bytes", struct.pack("<Q", 2**64 - 1) + whole[8:], "18446744073709551615"),
            ("header over the limit, 150 MB", sparse(200 * MB, struct.pack("<Q", 150 * MB) + b"{"),
             "157286400", "25000000"),
            ("1 GB of zeros", sparse(1024 * MB), "{"),
            ("1 GB, header of zeros", sparse(1024 * MB, struct.pack("<Q", 20 * MB) + b"{"), "header"),
            ("header that does not start with {", with_header(b"[1]     "), "'{'"),
            ("byte order mark", with_header(b"\xef\xbb\xbf{}"), "'{'"),
            ("not UTF-8", with_header(b'{"\xff": 1}'), "UTF-8", "byte 2"),
            ("trailing bytes", with_header(two, b"\0" * 12), "4 trailing bytes"),
            ("hole", with_header({"a": tensor(0, 4, [1]), "b": tensor(8, 12, [1])}, b"\0" * 12), '"b"', "hole"),
            ("overlap", with_header({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, b"\0" * 12), '"b"', "overlap"),
            ("reversed offsets", with_header({"a": tensor(4, 0, [1])}, b"\0" * 4), '"a"', "backwards"),
            ("offsets beyond the file", with_header({"a": tensor(0, 2**60, [2**58])}), '"a"', "truncated"),
            ("tensor twice", with_header(b'{"a": %s, "a": %s}' % ((json.dumps(tensor(0, 4, [1])).encode(),) * 2),
                                         b"\0" * 4), '"a"', "twice"),
            ("key of a tensor twice", with_header(b'{"a": {"dtype": "F32", "dtype": "F32"}}'), '"a"', "dtype", "twice"),
            ("shape that overflows", with_header({"a": tensor(0, 4, [2**62, 2**62])}, b"\0" * 4), '"a"', "overflows"),
            ("shape that is not its bytes", with_header({"a": tensor(0, 4, [2])}, b"\0" * 4), '"a"', "8 bytes"),
            ("negative extent", with_header({"a": tensor(0, 4, [-1])}, b"\0" * 4), '"a"', "non-negative"),
            ("unknown dtype", with_header({"a": tensor(0, 4, [1], "F31")}, b"\0" * 4), '"F31"', "F32"),
            ("dtype of less than a byte", with_header({"a": tensor(0, 1, [2], "F4")}, b"\0"), '"F4"'),
            ("metadata that is no text", with_header({"__metadata__": {"a": 1}}), "__metadata__", "string"),
            ("nested 100,000 deep", with_header(b'{"a":' + b"[" * 100_000), '"a"'),
            ("nested in metadata", with_header(b'{"__metadata__":' + b'{"a":' * 100_000), "__metadata__"),
            ("100,001 tensors", with_header({f"t{i}": tensor(0, 0, [0]) for i in range(100_001)}), "100000"),
            ("name of 20 MB", with_header(b'{"' + b"a" * (20 * MB) + b'":1}'), "1024"),
            ("25 MB of metadata", with_header(b'{"__metadata__":{"a":"' + b"a" * 24_000_000 + b'"}, "b": 1}'), '"b"'),
            ("25 MB of dimensions", with_header(b'{"a":{"shape":[' + b"1," * 12_000_000), '"a"', "dimensions"),
            ("cut in the middle", whole[:len(whole) // 2], "truncated"),
            ("pickle in a zip", b"PK\x03\x04" + b"\0" * 100, "never opened", "save_pretrained"),
            ("pickle of old", pickle.dumps({"a": 1}, protocol=2), "never opened", "save_pretrained"),
            ("GGUF", b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63), "GGUF", ".gguf"),
            ("Git LFS pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "git lfs pull"),
        ])

    def test_table_at_both_limits(self):
        # What a header may hold at most has to be kept before its last entry can be refused.
        header = with_header({f"{i:0180}": tensor(0, 4, [1]) for i in range(99_999)}, b"\0" * 4)
        self.check("99,999 tensors, 25 MB, in one place", "model.safetensors", header, "overlap",
                   memory_allowed_kb=2 * MEMORY_ALLOWED_KB)

    def test_kinds_of_files(self):
        self.without("model.safetensors")
        self.check("FIFO", "model.safetensors", os.mkfifo, "not a regular file")
        self.without("model.safetensors")
        self.check("directory", "model.safetensors", os.mkdir, "directory")
        (self.model / "model.safetensors").rmdir()
        self.check("device", "model.safetensors", lambda path: path.symlink_to("/dev/zero"), "not a regular file")

    def test_index_of_shards(self):
        shutil.move(self.model / "model.safetensors", self.model / "part-1.safetensors")
        whole = (self.model / "part-1.safetensors").read_bytes()
        names = json.loads(whole[8:8 + struct.unpack_from("<Q", whole)[0]])

        def index(**changed):
            return json.dumps({"weight_map": {**{name: "part-1.safetensors" for name in names}, **changed}})
        for case, shard, *needles in (("shard above the directory", "../x.safetensors", "../x", "plain file name"),
                                      ("absolute shard", "/etc/passwd", "/etc/passwd", "plain file name"),
                                      ("NUL in a shard", "a\0b", "plain file name"),
                                      ("shard that is no text", 5, "expected a string")):
            self.check(case, "model.safetensors.index.json", index(**{"classifier.bias": shard}), "classifier.bias",
                       *needles)
        self.check_all("model.safetensors.index.json", [
            ("no weight_map", "{}", "weight_map"),
            ("empty weight_map", '{"weight_map": {}}', "no shards"),
            ("weight_map of a list", '{"weight_map": []}', "expected an object"),
            ("10,000 shards", json.dumps({"weight_map": {f"t{i}": f"{i}.safetensors" for i in range(10_000)}}),
             "1000 shards"),
            ("100,001 tensors", json.dumps({"weight_map": {f"t{i}": "a" for i in range(100_001)}}), "100000"),
            ("300,000 tensors", json.dumps({"weight_map": {f"t{i}": "a" for i in range(300_000)}}), "150000 values"),
            ("15 MB of brackets", repeated(b"", b"[", 15 * MB), "nested"),
            ("15 MB of zeros", sparse(15 * MB), "NUL at byte 0"),
            ("over the limit, 1 GB", sparse(1024 * MB, b"{"), "1073741824"),
            ("not JSON", "weights", "not valid JSON"),
            ("tensor in another shard", index(extra="part-1.safetensors"), '"extra"', "part-1.safetensors"),
        ])
        self.check("missing shard", "model.safetensors.index.json", index(extra="part-2.safetensors"),
                   "part-2.safetensors", "missing")

    def test_pickles_are_never_opened(self):
        self.without("model.safetensors")
        for name in ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "pytorch_model-00001-of-00002.bin"):
            self.check("zip", name, b"PK\x03\x04" + b"\0" * 100, "never opened", "save_pretrained")
            self.check("1 GB", name, sparse(1024 * MB, b"\x80\x02"), "never opened", "save_pretrained")
            self.without(name)


class OtherFormats(Refusals):
    """Their own tests say more of what they refuse; here it is what that costs."""

    def test_gguf(self):
        whole = (GOLDENS / "gguf/bert_f32.gguf").read_bytes()
        header = b"GGUF" + struct.pack("<I", 3)
        self.check_all("model.gguf", [
            ("empty", b""),
            ("1 GB of zeros", sparse(1024 * MB), "GGUF"),
            ("1 GB behind a header", sparse(1024 * MB, header + struct.pack("<QQ", 0, 1))),
            ("2^63 keys", header + struct.pack("<QQ", 0, 2**63), "9223372036854775808"),
            ("2^63 tensors", header + struct.pack("<QQ", 2**63, 1), "9223372036854775808"),
            ("cut in the middle", whole[:len(whole) // 2]),
        ], model=self.model / "model.gguf")

    def test_onnx(self):
        whole = (GOLDENS / "onnx/bert_half.onnx").read_bytes()
        self.check_all("model.onnx", [
            ("empty", b""),
            ("1 GB of zeros", sparse(1024 * MB), "byte 0"),
            ("3 GB of zeros", sparse(3 * 1024 * MB)),
            ("message of 1 GB", sparse(1024 * MB, b"\x3a\x80\x80\x80\x80\x03")),
            ("groups, 100,000 deep", b"\x3b" * 100_000),
            ("cut in the middle", whole[:len(whole) // 2]),
        ], model=self.model / "model.onnx")


class Adapters(Refusals):
    def setUp(self):
        super().setUp()
        self.base, self.model = self.model, self.folder / "adapter"
        self.there = {"model": self.base, "args": ("--adapter", self.model)}
        self.settings = {"peft_type": "LORA", "r": 1, "lora_alpha": 4}
        self.put("adapter_config.json", json.dumps(self.settings))
        self.put("adapter_model.safetensors", self.weights())

    @staticmethod
    def weights(module="bert.encoder.layer.0.attention.self.query", rank=1, value=0.1, halves="AB"):
        shapes = {"A": [rank, 16], "B": [16, 1]}
        return safetensors({f"base_model.model.{module}.lora_{half}.weight": (
            shapes[half], [value] * (shapes[half][0] * shapes[half][1])) for half in halves})

    def changed(self, **changes):
        return json.dumps({**self.settings, **changes})

    def test_settings(self):
        self.check_all("adapter_config.json", [
            ("not JSON", "{", "not valid JSON"),
            ("4 MB of zeros", sparse(4 * MB), "NUL at byte 0"),
            ("over the limit, 1 GB", sparse(1024 * MB), "1073741824"),
            ("nested 100,000 deep", "[" * 100_000, "nested"),
            ("no peft_type", "{}", "peft_type"),
            ("another method", self.changed(peft_type="IA3"), '"IA3"', "LORA"),
            ("changes the base", self.changed(init_lora_weights="pissa"), '"pissa"', "merge_and_unload"),
            ("alpha as text", self.changed(lora_alpha="4"), "lora_alpha", "number"),
        ], **self.there)
        self.check("alpha of 1e300", "adapter_config.json", self.changed(lora_alpha=1e300), "lora_alpha",
                   where="adapter_model.safetensors", **self.there)

    def test_weights(self):
        self.check_all("adapter_model.safetensors", [
            ("1 GB of zeros", sparse(1024 * MB), "{"),
            ("pickle", b"PK\x03\x04" + b"\0" * 50, "never opened"),
            ("rank that disagrees", self.weights(rank=2), "query", "do not fit"),
            ("only one half", self.weights(halves="A"), "query", "lora_B"),
            ("module that the base lacks", self.weights("bert.x"), '"bert.x"'),
            ("not finite", self.weights(value=float("nan")), "not finite"),
        ], **self.there)
        self.without("adapter_model.safetensors")
        self.check("pickled weights", "adapter_model.bin", b"PK\x03\x04", "can run code", "save_pretrained",
                   **self.there)


if __name__ == "__main__":
    unittest.main()
