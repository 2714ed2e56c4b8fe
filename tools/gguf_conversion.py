"""Writes transformers' classifiers as GGUF files with llama.cpp's names, keys and reordered tensors.

Names come from PyPI's gguf (tensor_mapping.py), special tokens and merges from its SpecialVocab, which llama.cpp's
converter uses too. What that converter loses (BERT's pooler, the score layer of decoders) is kept, as cls and cls.output.
"""

import io
import json
import math

import gguf
import numpy as np
import sentencepiece
import tokenizers
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers.convert_slow_tokenizer import generate_merges
from transformers.utils import sentencepiece_model_pb2_new as sentencepiece_model_pb2

# What the checkpoint's modules are called in the words that gguf knows; longest first.
PREFIXES = ["nomic_bert.", "roberta.", "transformer.", "bert.", "model."]
CORPUS = ["The film was unbelievably good!", "bad, bad films", "a good film is a good film", "the the the was was",
          "it was not good, it was bad", "123 456 films", "Unbelievable! believe it or not", "it's they're we'll don't"]
TEXTS = ["\uff21 \ufb01lm", "The film was unbelievably good!", "bad, bad films", "Café 中 \U0001F600 cafe\u0301", "don't IT'S  we'll", "",
         "  ", "a1234 567\n\n x\t\r\n", "<s> good </s> <pad>", "the <mask> film [MASK] was", "\u00a0it\u3000was"]

LLAMA3_WORDS = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_WORDS = LLAMA3_WORDS.replace(r"\p{N}{1,3}", r"\p{N}")


def byte_level_bpe(specials, words=None):
    """A byte-level BPE learned from CORPUS; `specials` come first."""
    tokenizer = tokenizers.Tokenizer(models.BPE(ignore_merges=words == LLAMA3_WORDS))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=words is None)
    if words:
        split = pre_tokenizers.Split(Regex(words), behavior="isolated", invert=False)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    else:
        tokenizer.pre_tokenizer = byte_level
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=256 + 44 + len(specials), special_tokens=specials, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def tokenizer_of(kind):
    """(tokenizers' Tokenizer, tokenizer_config.json, tokenizer.ggml.pre)"""
    if kind == "roberta":
        tokenizer = byte_level_bpe([AddedToken(t, special=True) for t in ["<s>", "<pad>", "</s>", "<unk>"]] +
                                   [AddedToken("<mask>", special=True, lstrip=True)])
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
        return tokenizer, {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
                           "sep_token": "</s>", "cls_token": "<s>", "mask_token": "<mask>"}, "roberta-bpe"
    if kind == "modern-bert":
        tokenizer = byte_level_bpe([AddedToken(t, special=True) for t in ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]] +
                                   [AddedToken("[MASK]", special=True, lstrip=True)])
        tokenizer.normalizer = normalizers.NFC()
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
        return tokenizer, {"unk_token": "[UNK]", "pad_token": "[PAD]", "sep_token": "[SEP]", "cls_token": "[CLS]",
                           "mask_token": "[MASK]"}, "modern-bert"
    if kind == "gpt-2":
        return byte_level_bpe(["<|endoftext|>"]), {
            "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"}, "gpt-2"
    if kind == "llama-bpe":
        begin = "<|begin_of_text|>"
        tokenizer = byte_level_bpe([begin, "<|end_of_text|>"], LLAMA3_WORDS)
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1",
                                          special_tokens=[(begin, 0)])])
        return tokenizer, {"bos_token": begin, "eos_token": "<|end_of_text|>"}, "llama-bpe"
    if kind == "qwen2":
        tokenizer = byte_level_bpe(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], QWEN2_WORDS)
        tokenizer.normalizer = normalizers.NFC()
        return tokenizer, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "add_bos_token": False}, "qwen2"
    raise ValueError(kind)


# What a small map of SentencePiece rewrites: an ideographic and a no-break space, a ligature, an accent, a wide letter.
RULES = "3000\t20\nA0\t20\nFB01\t66 69\n65 301\tE9\nFF21\t41\n"


def unigram(directory):
    """A SentencePiece model learned from CORPUS, and the tokenizer that transformers' XLMRobertaTokenizer makes of it."""
    (directory / "rules.tsv").write_text(RULES)
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=trained, vocab_size=60, model_type="unigram", num_threads=1,
        normalization_rule_tsv=str(directory / "rules.tsv"), hard_vocab_limit=False, minloglevel=2)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(trained.getvalue())
    charsmap = model.normalizer_spec.precompiled_charsmap
    specials = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    pieces = specials + [(piece.piece, piece.score) for piece in model.pieces[3:]] + [("<mask>", 0.0)]
    tokenizer = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Precompiled(charsmap)])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token, _ in specials] +
                                 [AddedToken("<mask>", special=True, lstrip=True)])
    return tokenizer, pieces, charsmap


def write_unigram(writer, size, directory):
    """The keys of _xlmroberta_set_vocab."""
    tokenizer, pieces, charsmap = unigram(directory)
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "sep_token": "</s>",
        "cls_token": "<s>", "mask_token": "<mask>"}))
    rest = range(len(pieces), size)
    kinds = [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.UNKNOWN] + [gguf.TokenType.NORMAL] * (len(pieces) - 5)
    writer.add_tokenizer_model("t5")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([token for token, _ in pieces] + [f"[PAD{i}]" for i in rest])
    writer.add_token_scores([score for _, score in pieces] + [-10000.0] * len(rest))
    writer.add_token_types(kinds + [gguf.TokenType.CONTROL] + [gguf.TokenType.UNUSED] * len(rest))
    writer.add_add_space_prefix(True)
    writer.add_remove_extra_whitespaces(True)
    writer.add_precompiled_charsmap(charsmap)
    gguf.SpecialVocab(directory, n_vocab=size).add_to_gguf(writer, quiet=True)
    return tokenizer


def sentencepiece_bpe():
    """A SentencePiece BPE model learned from CORPUS, and the tokenizer.json that Llama 2 was published with for it."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=trained, vocab_size=300, model_type="bpe", byte_fallback=True,
        num_threads=1, normalization_rule_name="identity", hard_vocab_limit=False, minloglevel=2)
    model = sentencepiece_model_pb2.ModelProto()
    model.ParseFromString(trained.getvalue())
    ids = {piece.piece: i for i, piece in enumerate(model.pieces)}
    merges = generate_merges(ids, {piece.piece: piece.score for piece in model.pieces})
    tokenizer = tokenizers.Tokenizer(models.BPE(ids, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", ids["<s>"])])
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in ["<unk>", "<s>", "</s>"]])
    return tokenizer, model.pieces


def write_sentencepiece_bpe(writer, size, directory):
    """The keys of _set_vocab_sentencepiece."""
    tokenizer, pieces = sentencepiece_bpe()
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True, "add_eos_token": False}))
    rest = range(len(pieces), size)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.piece for piece in pieces] + [f"[PAD{i}]" for i in rest])
    writer.add_token_scores([piece.score for piece in pieces] + [-10000.0] * len(rest))
    writer.add_token_types([piece.type for piece in pieces] + [gguf.TokenType.UNUSED] * len(rest))
    gguf.SpecialVocab(directory, n_vocab=size).add_to_gguf(writer, quiet=True)
    return tokenizer


def write_tokenizer(writer, kind, size, directory):
    """The keys that BertModel, RobertaModel, ... of the converter write for a vocabulary of `size` ids."""
    if kind == "xlm-roberta":
        return write_unigram(writer, size, directory)
    if kind == "sentencepiece":
        return write_sentencepiece_bpe(writer, size, directory)
    tokenizer, config, pre = tokenizer_of(kind)
    tokenizer.save(str(directory / "tokenizer.json"))
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    added = tokenizer.get_added_tokens_decoder()
    tokens, types = [], []
    for i in range(size):
        token = tokenizer.id_to_token(i)
        if token is None:
            tokens.append(f"[PAD{i}]")
            types.append(gguf.TokenType.UNUSED)
        else:
            tokens.append(token)
            types.append(gguf.TokenType.CONTROL if i in added else gguf.TokenType.NORMAL)
    if kind == "modern-bert":
        writer.add_add_bos_token(True)
        writer.add_add_eos_token(True)
        writer.add_add_sep_token(True)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    special = gguf.SpecialVocab(directory, load_merges=True, n_vocab=size)
    if kind == "modern-bert":  # these are written already
        special.add_special_token = {}
    special.add_to_gguf(writer, quiet=True)
    return tokenizer


def pairs_side_by_side(rows, heads):
    """The two halves of each head, interleaved: how llama.cpp turns rotary pairs in its Llama."""
    per_head = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return np.ascontiguousarray(per_head.swapaxes(1, 2)).reshape(rows.shape)


def halves_apart(rows, heads):
    """The way back."""
    per_head = rows.reshape(heads, rows.shape[0] // heads // 2, 2, *rows.shape[1:])
    return np.ascontiguousarray(per_head.swapaxes(1, 2)).reshape(rows.shape)


def rope_factors(parameters, head_dim):
    """rope_freqs.weight: what Llama 3's scaling divides each pair's frequency by."""
    factors = []
    for i in range(0, head_dim, 2):
        wavelength = 2 * math.pi * parameters["rope_theta"] ** (i / head_dim)
        context = parameters["original_max_position_embeddings"]
        low, high = parameters["low_freq_factor"], parameters["high_freq_factor"]
        if wavelength < context / high:
            factors.append(1.0)
        elif wavelength > context / low:
            factors.append(parameters["factor"])
        else:
            smooth = (context / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / parameters["factor"] + smooth))
    return np.array(factors, dtype=np.float32)


# Modules of today's transformers that gguf's table knows by an older name, or does not know.
RENAMED = {"nomic-bert": [("layers.", "encoder.layers."), ("self_attn.o_proj", "attn.out_proj"),
                          ("post_attention_layernorm", "norm1"), ("post_mlp_layernorm", "norm2"),
                          ("mlp.up_proj", "mlp.fc11"), ("mlp.gate_proj", "mlp.fc12"), ("mlp.down_proj", "mlp.fc2"),
                          ("embeddings.LayerNorm", "emb_ln")]}
HEADS = {"score": "cls.output", "classifier": "cls.output", "classifier.out_proj": "cls.output",
         "classifier.dense": "cls", "pooler.dense": "cls", "head.dense": "cls", "head.norm": "cls.norm"}


def tensor_names(arch, blocks):
    names = gguf.get_tensor_name_map({v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[arch], blocks)

    def name_of(name):
        for prefix in PREFIXES:
            name = name.removeprefix(prefix)
        module, _, kind = name.rpartition(".")
        if module in HEADS:
            return f"{HEADS[module]}.{kind}"
        for old, new in RENAMED.get(arch, []):
            name = name.replace(old, new)
        for candidate in [name, f"model.{name}", f"transformer.{name}"]:
            found = names.get_name(candidate, try_suffixes=(".weight", ".bias"))
            if found:
                return found
        raise KeyError(f"{arch}: {name}")
    return name_of


def converted_tensors(arch, config, tensors):
    """(name, values, undo) as the converter of `arch` would write them; undo(values) is what they stand for, by the
    checkpoint's names."""
    name_of = tensor_names(arch, config.num_hidden_layers)
    for name, values in tensors.items():
        heads = config.num_attention_heads if ".q_proj." in name else getattr(config, "num_key_value_heads", None)
        if "position_embeddings" in name and config.model_type in ("roberta", "xlm-roberta"):
            lost = values[:config.pad_token_id + 1]
            yield (name_of(name), np.ascontiguousarray(values[len(lost):]),
                   lambda kept, name=name, lost=lost: {name: np.concatenate([lost, kept])})
        elif arch == "llama" and (".q_proj." in name or ".k_proj." in name):
            yield (name_of(name), pairs_side_by_side(values, heads),
                   lambda rows, name=name, heads=heads: {name: halves_apart(rows, heads)})
        elif arch == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            yield name_of(name), np.ascontiguousarray(values.T), lambda rows, name=name: {name: rows.T}
        elif arch == "nomic-bert" and ".q_proj." in name:
            parts = [name.replace("q_proj", part) for part in ["q_proj", "k_proj", "v_proj"]]
            yield (name_of(name.replace("self_attn.q_proj", "attn.Wqkv")),
                   np.concatenate([tensors[part] for part in parts]),
                   lambda rows, parts=parts: dict(zip(parts, np.split(rows, 3))))
        elif arch == "nomic-bert" and (".k_proj." in name or ".v_proj." in name):
            continue
        else:
            yield name_of(name), values, lambda kept, name=name: {name: kept}
    rope = getattr(config, "rope_parameters", None) or {}
    if arch == "llama" and rope.get("rope_type") == "llama3":
        yield "rope_freqs.weight", rope_factors(rope, config.head_dim), lambda _: {}


def write_metadata(writer, arch, config):
    """Base keys of the converter's TextModel, and those of the architecture's class."""
    offset = config.pad_token_id + 1 if config.model_type in ("roberta", "xlm-roberta") else 0
    writer.add_name("tiny random classifier")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings - offset)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(getattr(config, "intermediate_size", None) or config.n_inner)
    writer.add_head_count(config.num_attention_heads)
    if getattr(config, "num_key_value_heads", None):
        writer.add_head_count_kv(config.num_key_value_heads)
    if getattr(config, "rms_norm_eps", None):
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    else:
        eps = [getattr(config, key, None) for key in ["norm_eps", "layer_norm_eps", "layer_norm_epsilon"]]
        writer.add_layer_norm_eps(next(value for value in eps if value))
    if getattr(config, "head_dim", None) and arch != "nomic-bert":
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if getattr(config, "type_vocab_size", None):
        writer.add_token_type_count(config.type_vocab_size)
    rope = getattr(config, "rope_parameters", None)
    if arch == "modern-bert":
        writer.add_sliding_window(config.local_attention)
        writer.add_sliding_window_pattern(config.layer_types.index("full_attention", 1))
        writer.add_rope_freq_base(rope["full_attention"]["rope_theta"])
        writer.add_rope_freq_base_swa(rope["sliding_attention"]["rope_theta"])
        writer.add_rope_scaling_type(gguf.RopeScalingType.NONE)
        writer.add_vocab_size(config.vocab_size)
    elif rope:
        writer.add_rope_freq_base(rope["rope_theta"])
    if rope and rope.get("rope_type") == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if arch in ("bert", "modern-bert", "nomic-bert"):
        writer.add_causal_attention(False)
    if arch == "llama":
        writer.add_vocab_size(config.vocab_size)
        writer.add_rope_dimension_count(config.head_dim)
    if getattr(config, "sliding_window", None) and config.model_type == "mistral":
        writer.add_sliding_window(config.sliding_window)
    if getattr(config, "classifier_pooling", "mean") != "mean":
        writer.add_string("valence.head.pooling", config.classifier_pooling)
    writer.add_classifier_output_labels([config.id2label[i] for i in range(config.num_labels)])
