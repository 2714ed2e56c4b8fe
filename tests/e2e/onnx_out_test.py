"""`valence models convert --to onnx` for every architecture: onnxruntime computes what transformers does."""
import importlib.util
import json
import unittest

from support import VOCABULARY, InTemporaryFolder, valence

# Largest difference over the largest logit. f32: the bar of a conversion; f16: what rounding weights to halves does to
# random ones; q8_0: the same of int8 weights and activations.
PARITY = {"f32": 1e-4, "f16": 1e-2, "q8_0": 0.2}
# States of decoders, normalised by their root mean square alone, spread wider over the one scale that dynamic
# quantisation gives a tensor.
DECODER_Q8_PARITY = 0.6
NEEDED = ("transformers", "torch", "safetensors", "onnxruntime", "onnx", "numpy")
SIZES = {"vocab_size": len(VOCABULARY), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
         "intermediate_size": 48, "max_position_embeddings": 66, "pad_token_id": 0}
LABELS = {"id2label": {0: "negative", 1: "neutral", 2: "positive"},
          "label2id": {"negative": 0, "neutral": 1, "positive": 2}}
DEBERTA = {"relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True,
           "pos_att_type": ["p2c", "c2p"], "position_biased_input": False, "type_vocab_size": 0, "layer_norm_eps": 1e-7}
MODERNBERT = {"local_attention": 8, "global_attn_every_n_layers": 2, "bos_token_id": 2, "eos_token_id": 3,
              "cls_token_id": 2, "sep_token_id": 3}
DECODER = {"bos_token_id": 2, "eos_token_id": 3}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48, "n_positions": 66, **DECODER}
CASES = [  # name, model_type, settings, token classification
    ("electra", "electra", {"embedding_size": 16}, False),
    ("albert", "albert", {"embedding_size": 16, "num_hidden_groups": 2}, False),
    ("distilbert", "distilbert", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48}, False),
    ("roberta", "roberta", {"type_vocab_size": 1, "pad_token_id": 1}, False),
    ("bert_tokens", "bert", {}, True),
    ("roberta_tokens", "roberta", {"type_vocab_size": 1, "pad_token_id": 1}, True),
    ("mpnet", "mpnet", {"pad_token_id": 1}, False),
    ("deberta_v3", "deberta-v2", DEBERTA, False),
    ("deberta_v2", "deberta-v2", {**DEBERTA, "share_att_key": False, "position_buckets": -1, "norm_rel_ebd": "none",
                                  "max_relative_positions": 70, "position_biased_input": True}, False),
    ("deberta_tokens", "deberta-v2", DEBERTA, True),
    ("modernbert", "modernbert", MODERNBERT, False),
    ("modernbert_mean", "modernbert", {**MODERNBERT, "classifier_pooling": "mean", "norm_bias": True}, False),
    ("nomic_bert", "nomic_bert", {}, False),
    ("gte", "gte", {"type_vocab_size": 0}, False),
    ("gpt2", "gpt2", GPT2, False),
    ("llama", "llama", {"num_key_value_heads": 2, **DECODER}, False),
    ("mistral", "mistral", {"num_key_value_heads": 2, "sliding_window": 6, **DECODER}, False),
    ("qwen2", "qwen2", {"num_key_value_heads": 2, **DECODER}, False),
    ("qwen3", "qwen3", {"num_key_value_heads": 2, "head_dim": 12, **DECODER}, False),
]


def word_pieces():
    """A tokenizer.json over the tiny vocabulary, for any model type."""
    special = {token: {"id": token, "ids": [VOCABULARY.index(token)], "tokens": [token]} for token in ("[CLS]", "[SEP]")}
    return {"version": "1.0", "added_tokens": [
                {"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                 "special": True} for i, token in enumerate(VOCABULARY[:5])],
            "normalizer": None, "pre_tokenizer": {"type": "Whitespace"}, "decoder": None, "truncation": None, "padding": None,
            "post_processor": {"type": "TemplateProcessing", "special_tokens": special,
                               "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                          {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
                               "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]},
            "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                      "max_input_chars_per_word": 100, "vocab": {token: i for i, token in enumerate(VOCABULARY)}}}


@unittest.skipUnless(all(importlib.util.find_spec(package) for package in NEEDED), f"{', '.join(NEEDED)}: not all installed")
class OnnxOut(InTemporaryFolder):
    def model_of(self, name, model_type, settings, tokens):
        import torch
        from safetensors.torch import save_file
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoModelForTokenClassification
        auto = AutoModelForTokenClassification if tokens else AutoModelForSequenceClassification
        sizes = {} if model_type == "gpt2" else SIZES
        own = {"vocab_size": len(VOCABULARY), "pad_token_id": 0, **sizes, **LABELS, **settings}
        config = AutoConfig.for_model(model_type, **own)
        config.architectures = [auto._model_mapping[type(config)].__name__]
        torch.manual_seed(len(name))
        model = auto.from_config(config, attn_implementation="eager").eval()
        for parameter_name, parameter in model.named_parameters():
            is_gain = parameter_name.endswith("weight") and parameter.dim() == 1
            torch.nn.init.normal_(parameter, mean=1.0 if is_gain else 0.0, std=0.15)
        folder = self.folder / name
        folder.mkdir()
        config.save_pretrained(folder)
        # Not model.save_pretrained: it gives NomicBERT's tensors the names of before transformers 5.
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "model.safetensors")
        (folder / "tokenizer.json").write_text(json.dumps(word_pieces()))
        (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]", "unk_token": "[UNK]"}))
        return model, folder

    def batch(self, model):
        """Texts of three lengths, padded behind."""
        import numpy
        generator = numpy.random.default_rng(7)
        lengths = [3, 9, 20]
        ids = numpy.full((len(lengths), max(lengths)), model.config.pad_token_id, dtype=numpy.int64)
        mask = numpy.zeros_like(ids)
        for row, length in enumerate(lengths):
            ids[row, :length] = generator.integers(5, len(VOCABULARY), length)
            mask[row, :length] = 1
        inputs = {"input_ids": ids, "attention_mask": mask}
        if getattr(model.config, "type_vocab_size", 0) > 0:
            types = numpy.zeros_like(ids)
            if model.config.type_vocab_size > 1:
                types[:, 2:] = mask[:, 2:]
            inputs["token_type_ids"] = types
        return inputs, lengths

    def check(self, name, model_type, settings, tokens, dtype):
        import numpy
        import onnx
        import onnxruntime
        import torch
        model, folder = self.model_of(name, model_type, settings, tokens)
        out = self.folder / f"{name}-onnx"
        result = valence("models", "convert", folder, "--to", "onnx", "--dtype", dtype, "-o", out)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        onnx.checker.check_model(str(out / "model.onnx"), full_check=True)
        session = onnxruntime.InferenceSession(str(out / "model.onnx"), providers=["CPUExecutionProvider"])
        inputs, lengths = self.batch(model)
        found, = session.run(["logits"], inputs)
        for row, length in enumerate(lengths):
            alone = {key: torch.tensor(value[row:row + 1, :length]) for key, value in inputs.items()}
            with torch.no_grad():
                expected = model(**alone).logits[0].numpy()
            own = found[row, :length] if tokens else found[row]
            is_loose = dtype == "q8_0" and "bos_token_id" in settings and model_type != "modernbert"
            bar = DECODER_Q8_PARITY if is_loose else PARITY[dtype]
            self.assertLessEqual(numpy.abs(own - expected).max(), bar * numpy.abs(expected).max())

    def test_onnxruntime_computes_what_transformers_does(self):
        for case in CASES:
            for dtype in PARITY:
                with self.subTest(case[0], dtype=dtype):
                    self.setUp()
                    self.check(*case, dtype)


if __name__ == "__main__":
    unittest.main()
