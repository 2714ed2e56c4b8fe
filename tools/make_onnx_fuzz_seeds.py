#!/usr/bin/env python3
"""Exports the smallest classifiers that use each kind of graph, as seeds of tests/fuzz/fuzz_onnx.cpp.

    python tools/make_onnx_fuzz_seeds.py --out tests/fuzz/corpus/onnx

Each file is one byte, the model whose config.json the target reads the graph with (CONFIGS there has the same ones in
the same order), and an ONNX file: 4 wide, of names as short as they can be, for a fuzzer is as fast as its seeds are
small.

Needs what tools/make_onnx_goldens.py does.
"""

import argparse
import logging
import pathlib
import tempfile
import warnings

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model

import make_model_goldens as recipe
import make_onnx_goldens as goldens

BERT, MPNET, DEBERTA, MODERNBERT, QWEN3, GPT2, ALBERT = range(7)


def tiny(model_type, **settings):
    auto, config = recipe.classifier(model_type, 4, 1, 2, 20, ffn=1.5, num_labels=2, **settings)
    torch.manual_seed(0)
    return auto.from_config(config)


def models():
    """number -> model"""
    decoder = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "use_cache": False}
    positions = {"max_position_embeddings": 12}
    return {
        BERT: tiny("bert", **positions),
        MPNET: tiny("mpnet", relative_attention_num_buckets=32, **positions),
        DEBERTA: tiny("deberta-v2", relative_attention=True, position_buckets=20, max_relative_positions=40,
                      pos_att_type=["p2c", "c2p"], norm_rel_ebd="layer_norm", share_att_key=True,
                      position_biased_input=False, type_vocab_size=0, layer_norm_eps=1e-7, **positions),
        MODERNBERT: tiny("modernbert", local_attention=4, global_attn_every_n_layers=2, classifier_pooling="mean",
                         pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, **positions),
        QWEN3: tiny("qwen3", num_key_value_heads=1, head_dim=2, **decoder, **positions),
        GPT2: tiny("gpt2", n_positions=12, **decoder),
        ALBERT: tiny("albert", embedding_size=2, hidden_act="gelu_new", **positions),
    }


def shorten(path):
    """The file at `path` with names of two or three characters, but for what it takes and gives."""
    proto = onnx.load(path)
    graph = proto.graph
    kept = {each.name for each in [*graph.input, *graph.output]} | {""}
    short = {}

    def name(old):
        return old if old in kept else short.setdefault(old, f"v{len(short)}")

    for node in graph.node:
        node.name = node.doc_string = ""
        node.input[:] = [name(each) for each in node.input]
        node.output[:] = [name(each) for each in node.output]
        assert not any(each.HasField("g") for each in node.attribute), "names within branches are not shortened"
    for tensor in graph.initializer:
        tensor.name = name(tensor.name)
        tensor.doc_string = ""
    del graph.value_info[:]
    graph.doc_string = proto.doc_string = ""
    return proto.SerializeToString()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        source, made = pathlib.Path(directory) / "source.onnx", pathlib.Path(directory) / "made.onnx"
        for kind, model in models().items():
            model.eval()
            recipe.randomize(model, 1, "F32")
            model_type = model.config.model_type.replace("-", "_")
            goldens.export(model, source, "eager", True, False)
            (out / model_type).write_bytes(bytes([kind]) + shorten(source))
            if kind not in (BERT, MPNET):
                continue
            quantize_dynamic(source, made, weight_type=QuantType.QUInt8)
            (out / f"{model_type}_u8").write_bytes(bytes([kind]) + shorten(made))
            if kind == BERT:
                quantize_dynamic(source, made, weight_type=QuantType.QInt8, per_channel=True)
                (out / f"{model_type}_i8").write_bytes(bytes([kind]) + shorten(made))
                optimize_model(str(source), model_type="bert", num_heads=2, hidden_size=4, opt_level=0,
                               optimization_options=FusionOptions("bert")).save_model_to_file(str(made))
                (out / f"{model_type}_fused").write_bytes(bytes([kind]) + shorten(made))
                goldens.export(model, source, "sdpa", True, True)
                (out / f"{model_type}_half").write_bytes(bytes([kind]) + shorten(source))
                goldens.export(model, source, "sdpa", False, False)
                (out / f"{model_type}_dynamo").write_bytes(bytes([kind]) + shorten(source))


if __name__ == "__main__":
    main()
