"""Broken and hostile config.json and settings of tokenizers; what a refusal says and what it costs."""
import json
import unittest

from hostile_files import MB, Refusals, repeated, sparse


def config(**changes):
    """The tiny model's config.json with these members changed; None takes one out."""
    def write(path):
        values = json.loads(path.read_text())
        values.update(changes)
        path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
    return write


class Configuration(Refusals):
    def test_config(self):
        self.check_all("config.json", [
            ("empty", "", "not valid JSON"),
            ("not JSON", "model_type: bert", "not valid JSON"),
            ("cut", '{"model_type": "be', "not valid JSON"),
            ("byte order mark of UTF-16", '{"model_type": "bert"}'.encode("utf-16"), "not valid JSON"),
            ("not UTF-8", b'{"model_type": "b\xffrt"}', "not valid JSON", "UTF-8"),
            ("list", "[]", "expected an object"),
            ("key twice", '{"model_type": "bert", "model_type": "bert"}', '"model_type"', "twice"),
            ("4 MB of zeros", sparse(4 * MB), "NUL at byte 0"),
            ("over the limit, 1 GB", sparse(1024 * MB), "1073741824", "4194304"),
            ("nested 100,000 deep", "[" * 100_000, "nested", "32"),
            ("one string of 4 MB", '{"a": "' + "a" * (4 * MB - 20), "1048576"),
            ("one number of 1 MB", '{"a": ' + "1" * 1_000_000 + "}", "not valid JSON"),
            ("one million bytes of no JSON", '{"a": ' + "x" * 1_000_000 + "}", "not valid JSON"),
            ("one key of 1 MB twice", '{"%s": 1, "%s": 1}' % (("a" * 1_000_000,) * 2), "twice"),
            ("one million numbers", json.dumps({"a": [1] * 1_000_000}), "150000 values"),
            ("149,000 members", json.dumps({f"k{i}": 1 for i in range(149_000)}), "model_type"),
            ("140,000 labels", config(id2label={str(i): "a" for i in range(140_000)}), "id2label", "100000"),
            ("unknown model_type", config(model_type="t5"), '"t5"', "bert"),
            ("model_type of 1 MB", config(model_type="t" * 1_000_000), "bert"),
            ("no model_type", config(model_type=None), "model_type"),
            ("size as text", config(hidden_size="16"), "hidden_size", "expected an integer", '"16"'),
            ("size with a fraction", config(hidden_size=16.5), "hidden_size", "expected an integer"),
            ("size of zero", config(hidden_size=0), "hidden_size", "found 0"),
            ("negative size", config(num_hidden_layers=-1), "num_hidden_layers", "found -1"),
            ("vocab_size of 10^9", config(vocab_size=10**9), "vocab_size", "1000000000"),
            ("size of 2^64", config(vocab_size=2**64), "vocab_size"),
            ("heads that do not divide", config(num_attention_heads=3), "hidden_size 16", "num_attention_heads 3"),
            ("labels with a gap", config(id2label={"0": "a", "2": "b"}), "id2label", "class 1"),
            ("label number -1", config(id2label={"0": "a", "-1": "b"}), "id2label", '"-1"'),
            ("num_labels that disagrees", config(num_labels=3), "num_labels is 3", "2 labels"),
            ("10^9 labels", config(num_labels=10**9, id2label=None), "num_labels", "1000000000"),
        ])

    def test_config_and_weights_that_disagree(self):
        self.check_all("config.json", [
            ("labels of another model", config(id2label={"0": "a", "1": "b", "2": "c"}), "classifier.weight", "3"),
            ("vocab_size of another model", config(vocab_size=2**24), "word_embeddings", "16777216"),
            ("hidden_size of another model", config(hidden_size=2**16), "65536"),
            ("layers of another model", config(num_hidden_layers=1024), "layer.2"),
            ("positions of another model", config(max_position_embeddings=2**20), "position_embeddings", "1048576"),
        ], where="model.safetensors")

    def test_settings_of_the_tokenizer(self):
        for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
            self.check_all(name, [
                ("not JSON", "{", "not valid JSON"),
                ("list", "[]", "expected an object"),
                ("15 MB of zeros", sparse(15 * MB), "NUL at byte 0"),
                ("15 MB of brackets", repeated(b"", b"[", 15 * MB), "nested"),
                ("over the limit, 1 GB", sparse(1024 * MB), "1073741824"),
            ])
        self.check_all("tokenizer_config.json", [
            ("length of no text", '{"model_max_length": "long"}', "model_max_length"),
            ("length of zero", '{"model_max_length": 0}', "model_max_length", "positive"),
            ("unknown side", '{"truncation_side": "middle"}', "truncation_side", '"middle"'),
            ("cut special tokens", '{"split_special_tokens": true}', "split_special_tokens", "false"),
        ])


if __name__ == "__main__":
    unittest.main()
