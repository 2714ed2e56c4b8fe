#!/usr/bin/env python3
"""Records GGUF files, what is in them and what transformers computes from it, for the tests of the GGUF reader.

    python tools/make_gguf_goldens.py --out tests/parity/data/gguf

blocks.json   random blocks of every block format and the f32 values that gguf.quants.dequantize makes of them, as bits.
bert_*.gguf,
distilbert_*  tiny BERT and DistilBERT classifiers as PyPI's gguf writes them, names and keys as llama.cpp's converter
              has them, but with the pooler. Beside each a .json: the config.json it stands for, logits that transformers
              computes in f32 from the weights as dequantised, and what BertTokenizerFast makes of some texts.
              bert_f32 has weights by the recipe of tests/support/random_checkpoint.h, so that the same model can be had
              as safetensors. bert_blocks has every block format.
roberta_*, xlm_roberta_*, modern_bert_*, nomic_bert_*, gpt2_*, llama_*, mistral_*, qwen2_*, qwen3_*
              the same of llama.cpp's other architectures, with their own tokenizers (gguf_conversion.py).

Needs gguf, torch, transformers, tokenizers, sentencepiece, protobuf and numpy; their versions are written into the goldens.
"""

import argparse
import importlib.metadata
import json
import pathlib
import tempfile

import gguf
import numpy as np
import tokenizers
import torch
from gguf import GGMLQuantizationType as Type
from transformers import (BertConfig, BertForSequenceClassification, BertTokenizerFast, DistilBertConfig,
                          DistilBertForSequenceClassification)

import gguf_conversion as conversion
import make_model_goldens as recipe

BLOCK_FORMATS = [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0, Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K,
                 Type.Q6_K]
# Where the halves (scale, least value) begin in a block.
HALVES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q2_K: [80, 82],
          Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208]}

# What a block's largest integer makes of a scale of 1, so that random blocks come out as weights.
GREATEST = {Type.Q2_K: 45, Type.Q3_K: 128, Type.Q4_K: 945, Type.Q5_K: 1953, Type.Q6_K: 4096}

WORDS = ["the", "good", "bad", "film", "was", "un", "##be", "##liev", "##able", "##ly", "caf", "##e", "!", ".", ",", "#",
         "##s", "a", "b", "##c", "é", "中", "[", "]", "un##", "##"]
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXTS = ["The film was unbelievably good!", "bad, bad films", "Café 中 # [MASK] [SEP] é", "un## ## [a]", "", "  ",
         "abc zzz unbe"]


def random_blocks(random, quant_type, count, largest):
    """Random bytes, with finite halves up to `largest`; a few are zero, negative or subnormal."""
    _, size = gguf.GGML_QUANT_SIZES[quant_type]
    blocks = random.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES[quant_type]:
        halves = (random.uniform(0.2, 1.0, count) * largest).astype(np.float16)
        if largest >= 1:
            halves[::4] *= np.float16(-1)
            halves[1::7] = np.float16(0)
            halves[2::5] = np.uint16(3).view(np.float16)
        blocks[:, at:at + 2] = halves.reshape(-1, 1).view(np.uint8)
    return blocks


def bits(values):
    return np.ascontiguousarray(values, dtype=np.float32).reshape(-1).view(np.uint8).tobytes().hex()


def record_blocks(out, versions):
    random = np.random.Generator(np.random.PCG64(1))
    formats = []
    for quant_type in BLOCK_FORMATS:
        count = 16 if gguf.GGML_QUANT_SIZES[quant_type][0] == 32 else 4
        blocks = random_blocks(random, quant_type, count, 2.0)
        values = gguf.quants.dequantize(blocks.reshape(-1), quant_type)
        formats.append({"type": quant_type.name, "blocks": blocks.tobytes().hex(), "values": bits(values)})
    lines = ",\n".join("  " + json.dumps(each, separators=(",", ":")) for each in formats)
    header = json.dumps({"command": "tools/make_gguf_goldens.py", "versions": versions})[:-1]
    (out / "blocks.json").write_text(f'{header},\n "formats": [\n{lines}\n]}}\n')


def gguf_name(name):
    """transformers' name -> llama.cpp's, the pooler's and DistilBERT's head included."""
    name = name.removeprefix("bert.").removeprefix("distilbert.")
    for old, new in [("embeddings.word_embeddings", "token_embd"), ("embeddings.position_embeddings", "position_embd"),
                     ("embeddings.token_type_embeddings", "token_types"), ("embeddings.LayerNorm", "token_embd_norm"),
                     ("pooler.dense", "cls"), ("pre_classifier", "cls"), ("encoder.layer.", "blk."),
                     ("transformer.layer.", "blk."), ("attention.self.query", "attn_q"),
                     ("attention.self.key", "attn_k"), ("attention.self.value", "attn_v"),
                     ("attention.output.dense", "attn_output"), ("attention.output.LayerNorm", "attn_output_norm"),
                     ("intermediate.dense", "ffn_up"), ("output.dense", "ffn_down"),
                     ("output.LayerNorm", "layer_output_norm"), ("attention.q_lin", "attn_q"),
                     ("attention.k_lin", "attn_k"), ("attention.v_lin", "attn_v"), ("attention.out_lin", "attn_output"),
                     ("sa_layer_norm", "attn_output_norm"), ("ffn.lin1", "ffn_up"), ("ffn.lin2", "ffn_down"),
                     ("output_layer_norm", "layer_output_norm")]:
        name = name.replace(old, new)
    return name.replace("classifier.", "cls.output.") if name.startswith("classifier.") else name


def phantom(token, is_control):
    """llama.cpp's spelling of WordPiece: word starts get U+2581, continuations lose their ##."""
    if is_control:
        return token
    return token[2:] if token.startswith("##") else "\u2581" + token


def vocabulary_of(size):
    return SPECIALS + WORDS + [f"[unused{i}]" for i in range(size - len(SPECIALS) - len(WORDS))]


def write_metadata(writer, config, eps):
    writer.add_name("tiny random classifier")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(getattr(config, "intermediate_size", 0) or config.hidden_dim)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_eps(eps)
    writer.add_causal_attention(False)
    writer.add_classifier_output_labels([config.id2label[i] for i in range(config.num_labels)])
    writer.add_token_type_count(getattr(config, "type_vocab_size", 1))
    write_word_piece(writer, config)


def write_word_piece(writer, config):
    vocabulary = vocabulary_of(config.vocab_size)
    controls = [token in SPECIALS for token in vocabulary]
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([phantom(token, control) for token, control in zip(vocabulary, controls)])
    writer.add_token_types([gguf.TokenType.CONTROL if c else gguf.TokenType.NORMAL for c in controls])
    writer.add_pad_token_id(0)
    writer.add_unk_token_id(1)
    writer.add_bos_token_id(2)  # llama.cpp has [CLS] there
    writer.add_sep_token_id(3)
    writer.add_mask_token_id(4)


def stored(name, values, quant_type, random):
    """The bytes for the file, and the values that a reader has from them."""
    if quant_type in (Type.F32, Type.F16, Type.BF16):
        data = gguf.quants.quantize(values, quant_type)
    elif quant_type in GREATEST:  # gguf cannot quantise to these: any blocks are weights
        count = values.size // 256
        data = random_blocks(random, quant_type, count, 0.2 / GREATEST[quant_type])
        data = data.reshape(*values.shape[:-1], -1)
    else:
        data = gguf.quants.quantize(values, quant_type)
    values = gguf.quants.dequantize(data, quant_type)
    return data, np.ascontiguousarray(values, dtype=np.float32)


def write_model(path, model, config, type_of, eps, seed=1):
    """Writes `model` and leaves in it the weights that the file holds."""
    random = np.random.Generator(np.random.PCG64(seed))
    writer = gguf.GGUFWriter(str(path), "bert")
    write_metadata(writer, config, eps)
    with torch.no_grad():
        for name, parameter in model.state_dict().items():
            quant_type = type_of(name) if parameter.ndim == 2 else Type.F32
            data, values = stored(name, parameter.numpy(), quant_type, random)
            parameter.copy_(torch.from_numpy(values.reshape(parameter.shape)))
            writer.add_tensor(gguf_name(name), data, raw_dtype=quant_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tokenized(config):
    backend = BertTokenizerFast(vocab={token: i for i, token in enumerate(vocabulary_of(config.vocab_size))})
    return [{"text": text, "input_ids": backend(text)["input_ids"]} for text in TEXTS]


def labels(names):
    return {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}


SIZES = {"hidden_size": 32, "num_attention_heads": 2, "vocab_size": 40, "max_position_embeddings": 24,
         "hidden_act": "gelu", "architectures": ["BertForSequenceClassification"]}
THREE = labels(["negative", "neutral", "positive"])
TWELVE = labels([f"label {chr(ord('a') + i)}" for i in range(12)])


def block_type(name):
    """Every block format somewhere: the long rows of ffn_down can be K formats, layer by layer."""
    if name.startswith("bert.encoder.layer."):
        layer = int(name.split(".")[3])
        if ".output.dense" in name and "attention" not in name:
            return [Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K][layer]
        return [Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0][layer]
    return Type.Q8_0 if "word_embeddings" in name else Type.F16 if "position" in name else Type.F32


def record_model(out, versions, name, model_class, config, type_of, eps=1e-12, seed=1):
    config._attn_implementation = "eager"
    model = model_class(config)
    weights = recipe.randomize(model, seed, "F32")
    write_model(out / f"{name}.gguf", model, config, type_of, eps, seed=seed)
    sequences = recipe.make_sequences(seed, [1, 2, 5, 11, 16, 24], config.vocab_size,
                                      getattr(config, "type_vocab_size", 0))
    noise = recipe.record(model, sequences)
    golden = {"name": name, "command": "tools/make_gguf_goldens.py", "versions": versions,
              "config": json.loads(config.to_json_string()), "reference_noise": float(f"{noise:.2e}")}
    if name == "bert_f32":  # the others' weights are not those of the recipe any more
        golden["weights"] = weights
    golden["texts"] = tokenized(config)
    golden["sequences"] = sequences
    recipe.write(out / f"{name}.json", golden)


NO_PADDING = {"pad_token_id": None, "bos_token_id": 0, "eos_token_id": 1}
DECODER = {"ffn": 4, "num_labels": 3, "num_key_value_heads": 2, "max_position_embeddings": 64, **NO_PADDING}
LLAMA3_ROPE = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0,
               "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
ROBERTA = {"ffn": 2, "num_labels": 3, "max_position_embeddings": 66, "type_vocab_size": 1, "layer_norm_eps": 1e-5,
           "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
MODERN_BERT = {"ffn": 2, "max_position_embeddings": 128, "pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2,
               "cls_token_id": 1, "sep_token_id": 2, "local_attention": 8}


def one_of(*types):
    """Block formats in turn, by the matrices' order."""
    counter = iter(range(1 << 30))
    return lambda name: types[next(counter) % len(types)]


def architectures():
    """name -> (GGUF's architecture, class and configuration, tokenizer, type of each matrix)"""
    make = recipe.classifier
    k_blocks = one_of(Type.Q2_K, Type.Q3_K, Type.Q4_K, Type.Q5_K, Type.Q6_K)
    return {
        "roberta_f16": ("bert", make("roberta", 32, 2, 2, 310, **ROBERTA), "roberta", one_of(Type.F16)),
        "xlm_roberta_q8_0": ("bert", make("xlm-roberta", 32, 1, 2, 64, **ROBERTA), "xlm-roberta", one_of(Type.Q8_0)),
        "modern_bert_f32": ("modern-bert", make("modernbert", 32, 4, 2, 310, num_labels=3, classifier_pooling="cls",
                                                **{**MODERN_BERT, "ffn": 2}), "modern-bert", one_of(Type.F32)),
        "modern_bert_mean_biases_q8_0":
            ("modern-bert", make("modernbert", 32, 3, 2, 310, num_labels=2, classifier_pooling="mean",
                                 classifier_bias=True, attention_bias=True, mlp_bias=True, norm_bias=True,
                                 global_attn_every_n_layers=2, **MODERN_BERT), "modern-bert", one_of(Type.Q8_0)),
        "nomic_bert_q5_1": ("nomic-bert", make("nomic_bert", 32, 2, 2, 40, ffn=2, num_labels=2,
                                               max_position_embeddings=64), "bert", one_of(Type.Q5_1)),
        "gpt2_q4_0": ("gpt2", make("gpt2", 32, 2, 2, 301, num_labels=2, n_positions=64, **NO_PADDING), "gpt-2",
                      one_of(Type.Q4_0)),
        "llama_f32": ("llama", make("llama", 32, 2, 4, 302, **DECODER), "llama-bpe", one_of(Type.F32)),
        "llama3_k_blocks":
            ("llama", make("llama", 256, 1, 4, 302, **{**DECODER, "ffn": 1, "num_key_value_heads": 1,
                                                      "attention_bias": True, "mlp_bias": True,
                                                      "rope_parameters": LLAMA3_ROPE}), "llama-bpe", k_blocks),
        "mistral_f16": ("llama", make("mistral", 32, 2, 4, 302, sliding_window=6, **DECODER), "sentencepiece",
                        one_of(Type.F16)),
        "qwen2_q4_1": ("qwen2", make("qwen2", 64, 2, 4, 303, **DECODER), "qwen2", one_of(Type.Q4_1)),
        "qwen3_bf16": ("qwen3", make("qwen3", 32, 2, 4, 303, head_dim=24, **{**DECODER, "rope_parameters": {
            "rope_type": "linear", "factor": 2.0, "rope_theta": 1e6}}), "qwen2", one_of(Type.BF16)),
    }


def record_architecture(out, versions, seed, name, arch, model, kind, type_of):
    auto, config = model
    random = np.random.Generator(np.random.PCG64(seed))
    module = auto.from_config(config, attn_implementation="eager")
    recipe.randomize(module, seed, "F32")
    writer = gguf.GGUFWriter(str(out / f"{name}.gguf"), arch)
    conversion.write_metadata(writer, arch, config)
    if kind == "bert":
        write_word_piece(writer, config)
        texts = tokenized(config)
    else:
        with tempfile.TemporaryDirectory() as directory:
            tokenizer = conversion.write_tokenizer(writer, kind, config.vocab_size, pathlib.Path(directory))
        texts = [{"text": text, "input_ids": tokenizer.encode(text).ids} for text in conversion.TEXTS]
    state = module.state_dict()
    tensors = {key: value.numpy() for key, value in state.items()}
    with torch.no_grad():
        for tensor, values, undo in conversion.converted_tensors(arch, config, tensors):
            quant_type = type_of(tensor) if values.ndim == 2 else Type.F32
            data, read = stored(tensor, np.ascontiguousarray(values), quant_type, random)
            for key, original in undo(read.reshape(values.shape)).items():
                state[key].copy_(torch.from_numpy(np.ascontiguousarray(original)))
            writer.add_tensor(tensor, data, raw_dtype=quant_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    sequences = recipe.make_sequences(seed, [1, 2, 5, 11, 16, 40], config.vocab_size,
                                      getattr(config, "type_vocab_size", 0))
    for sequence in sequences:  # a padding token has a position that conversion loses
        sequence["input_ids"] = [4 if i == config.pad_token_id else i for i in sequence["input_ids"]]
    noise = recipe.record(module, sequences)
    recipe.write(out / f"{name}.json", {
        "name": name, "command": "tools/make_gguf_goldens.py", "versions": versions,
        "config": json.loads(config.to_json_string()), "reference_noise": float(f"{noise:.2e}"), "texts": texts,
        "sequences": sequences})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/parity/data/gguf"))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="record these architectures alone")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    versions = {**recipe.versions(), "gguf": importlib.metadata.version("gguf"), "tokenizers": tokenizers.__version__,
                "sentencepiece": importlib.metadata.version("sentencepiece")}
    for index, (name, (arch, model, kind, type_of)) in enumerate(architectures().items()):
        if not arguments.only or name in arguments.only:
            record_architecture(out, versions, index + 10, name, arch, model, kind, type_of)
    if arguments.only:
        return
    record_blocks(out, versions)
    bert = BertForSequenceClassification
    record_model(out, versions, "bert_f32", bert,
                 BertConfig(num_hidden_layers=2, intermediate_size=64, **SIZES, **THREE), lambda name: Type.F32)
    record_model(out, versions, "bert_f16", bert,
                 BertConfig(num_hidden_layers=1, intermediate_size=64, layer_norm_eps=1e-3, **SIZES, **TWELVE),
                 lambda name: Type.BF16 if "attention" in name else Type.F16, eps=1e-3, seed=2)
    record_model(out, versions, "bert_blocks", bert,
                 BertConfig(num_hidden_layers=5, intermediate_size=256, **SIZES, **THREE), block_type, seed=3)
    small = {"dim": 32, "n_heads": 2, "hidden_dim": 64, "n_layers": 1, "vocab_size": 40, "max_position_embeddings": 24,
             "architectures": ["DistilBertForSequenceClassification"]}
    record_model(out, versions, "distilbert_q8_0", DistilBertForSequenceClassification,
                 DistilBertConfig(**small, **THREE), lambda name: Type.Q8_0, seed=4)


if __name__ == "__main__":
    main()
