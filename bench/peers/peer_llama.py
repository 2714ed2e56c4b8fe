"""llama.cpp through xllamacpp, its Python package with ready-made wheels: embeddings of the first token, and the head
in NumPy. Its wheels are built for AVX2; llama-cpp-python compiles at installation, and would use more of the CPU."""

import json
import re

import gguf
import numpy as np
import xllamacpp
from engine import Engine
from head import Head
from safetensors.numpy import load_file

MOST_TEXTS = 64  # of a batch
MOST_TOKENS = 512  # of a text

# Checkpoint names to GGUF's. {n} is the layer.
BLOCKS = {
    r"(?:attention\.self\.query|attention\.q_lin)": "attn_q",
    r"(?:attention\.self\.key|attention\.k_lin)": "attn_k",
    r"(?:attention\.self\.value|attention\.v_lin)": "attn_v",
    r"(?:attention\.output\.dense|attention\.out_lin)": "attn_output",
    r"(?:attention\.output\.LayerNorm|sa_layer_norm)": "attn_output_norm",
    r"(?:intermediate\.dense|ffn\.lin1)": "ffn_up",
    r"(?:output\.dense|ffn\.lin2)": "ffn_down",
    r"(?:output\.LayerNorm|output_layer_norm)": "layer_output_norm",
}
EMBEDDINGS = {
    "word_embeddings": "token_embd",
    "position_embeddings": "position_embd",
    "token_type_embeddings": "token_types",
    "LayerNorm": "token_embd_norm",
}


def gguf_name(name):
    """None for what is not of the encoder."""
    if found := re.fullmatch(r".*embeddings\.(\w+)\.(weight|bias)", name):
        return f"{EMBEDDINGS[found[1]]}.{found[2]}"
    if found := re.fullmatch(r".*layer\.(\d+)\.(.*)\.(weight|bias)", name):
        role = next(ours for theirs, ours in BLOCKS.items() if re.fullmatch(theirs, found[2]))
        return f"blk.{found[1]}.{role}.{found[3]}"
    return None


def convert(folder, target):
    """Linear layers and word embeddings in Q8_0, the rest in f32, as llama-quantize does it."""
    config = json.loads((folder / "hf/config.json").read_text())
    vocabulary = json.loads((folder / "hf/tokenizer.json").read_text())["model"]["vocab"]
    writer = gguf.GGUFWriter(str(target), "bert")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config.get("dim") or config["hidden_size"])
    writer.add_feed_forward_length(config.get("hidden_dim") or config["intermediate_size"])
    writer.add_block_count(config.get("n_layers") or config["num_hidden_layers"])
    writer.add_head_count(config.get("n_heads") or config["num_attention_heads"])
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.CLS)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(sorted(vocabulary, key=vocabulary.get))
    writer.add_token_types([gguf.TokenType.NORMAL] * len(vocabulary))
    writer.add_token_type_count(config.get("type_vocab_size", 1))
    for kind, token in (("cls", "[CLS]"), ("sep", "[SEP]"), ("pad", "[PAD]"), ("unk", "[UNK]"), ("mask", "[MASK]")):
        writer.add_uint32(f"tokenizer.ggml.{'seperator' if kind == 'sep' else kind}_token_id", vocabulary[token])
    q8 = gguf.GGMLQuantizationType.Q8_0
    for name, values in load_file(folder / "hf/model.safetensors").items():
        ours = gguf_name(name)
        if not ours:
            continue
        is_matrix = values.ndim == 2 and (ours.startswith("blk") or ours.startswith("token_embd."))
        if is_matrix:
            writer.add_tensor(ours, gguf.quants.quantize(values, q8), raw_dtype=q8)
        else:
            writer.add_tensor(ours, values.astype(np.float32))
    if "type_vocab_size" not in config:  # the reader of this architecture expects a row
        writer.add_tensor("token_types.weight", np.zeros((1, config["dim"]), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Llama(Engine):
    versions = {"xllamacpp": xllamacpp.__version__}

    def __init__(self, path, head, threads):
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_CLS
        params.embd_normalize = -1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        params.n_parallel = MOST_TEXTS
        params.n_ctx = MOST_TEXTS * MOST_TOKENS
        params.n_batch = params.n_ubatch = 2048
        params.warmup = False
        self.server = xllamacpp.Server(params)
        self.head = head

    def prepare(self, batch):
        return {"input": batch.sequences, "model": ""}

    def forward(self, inputs):
        answer = self.server.handle_embeddings(inputs)
        rows = sorted(answer["data"], key=lambda row: row["index"])
        return self.head.logits(np.array([row["embedding"] for row in rows], np.float32))


def open_engine(folder, variant, threads):
    path = folder / f"{variant}.gguf"
    if not path.exists():
        convert(folder, path)
    return Llama(path, Head(folder), threads)
