#!/usr/bin/env python3
"""Records ONNX exports of tiny classifiers and what transformers computes, for the tests of the ONNX reader.

    python tools/make_onnx_goldens.py --out tests/parity/data/onnx

<name>.onnx   exports of tiny models with weights by the recipe of tests/support/random_checkpoint.h, made in the ways
              that are common: torch.onnx.export by tracing and by torch.export (its notes about Python's stack left
              out, for size), eager and SDPA attention, halves, weights beside the file, and onnxruntime's dynamic
              quantisation (signed and unsigned, a scale a matrix or an output), its fusions too.
<name>.json   beside each: config.json, and the logits that transformers computes in f32 from the weights as they are in
              the file, dequantised by (integer - zero point) * scale where they are integers.

Needs torch, transformers, onnx, onnxscript, onnxruntime and numpy; their versions are written into the goldens.
"""

import argparse
import contextlib
import copy
import importlib.metadata
import io
import json
import logging
import pathlib
import warnings

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model
from transformers import (BertConfig, BertForSequenceClassification, DistilBertConfig,
                          DistilBertForSequenceClassification)

import make_model_goldens as recipe

LABELS = {"id2label": {0: "negative", 1: "neutral", 2: "positive"},
          "label2id": {"negative": 0, "neutral": 1, "positive": 2}}


def bert(layers=2, **more):
    return BertForSequenceClassification(BertConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=20, architectures=["BertForSequenceClassification"], **LABELS, **more))


def distilbert(**more):
    return DistilBertForSequenceClassification(DistilBertConfig(
        vocab_size=40, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=20,
        architectures=["DistilBertForSequenceClassification"], **LABELS, **more))


def small(model_type, layers=1, tokens=False, vocab_size=40, **settings):
    """A classifier of any architecture, 16 wide with two heads."""
    if model_type != "gpt2":
        settings = {"max_position_embeddings": 22, **settings}
    auto, config = recipe.classifier(model_type, 16, layers, 2, vocab_size, ffn=1.5, tokens=tokens, **LABELS, **settings)
    torch.manual_seed(0)
    return auto.from_config(config)


def deberta(**more):
    """The table of relative positions has 520 rows: what is smaller, torch.export multiplies out."""
    return small("deberta-v2", **{
        "relative_attention": True, "position_buckets": 260, "max_relative_positions": 520, "pos_att_type": ["p2c", "c2p"],
        "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False, "type_vocab_size": 0,
        "layer_norm_eps": 1e-7, **more})


def deberta_own(**more):
    return deberta(share_att_key=False, position_buckets=-1, max_relative_positions=260, norm_rel_ebd="none",
                   pos_att_type="c2p|p2c", type_vocab_size=2, position_biased_input=True, **more)


def modernbert(**more):
    return small("modernbert", **{"layers": 2, "local_attention": 4, "global_attn_every_n_layers": 2, "pad_token_id": 0,
                                  "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2, **more})


def other_architectures():
    """name -> (model, attention, traced, half, note)"""
    roberta = {"type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
    albert = {"embedding_size": 8, "hidden_act": "gelu_new", "layers": 2}
    traced, exported = "torch.onnx.export, traced", "torch.onnx.export, torch.export"
    return {
        "electra_traced": (small("electra", embedding_size=8), "eager", True, False, traced),
        "electra_dynamo": (small("electra", embedding_size=8), "sdpa", False, False, exported),
        "albert_traced": (small("albert", **albert), "sdpa", True, False, traced),
        "albert_dynamo": (small("albert", **albert), "eager", False, False, exported),
        "bert_tokens_traced": (small("bert", tokens=True), "sdpa", True, False, traced),
        "roberta_tokens_dynamo": (small("roberta", tokens=True, **roberta), "sdpa", False, False, exported),
        "mpnet_traced": (small("mpnet", relative_attention_num_buckets=32), "eager", True, False, traced),
        "mpnet_dynamo": (small("mpnet", relative_attention_num_buckets=32), "eager", False, False, exported),
        "mpnet_half": (small("mpnet", relative_attention_num_buckets=32), "eager", True, True, "halves"),
        "deberta_v3_traced": (deberta(), "eager", True, False, traced),
        "deberta_v3_dynamo": (deberta(), "eager", False, False, exported),
        "deberta_v3_half": (deberta(), "eager", True, True, "halves"),
        "deberta_v2_own_projections_traced": (deberta_own(), "eager", True, False, traced),
        "deberta_v2_own_projections_dynamo": (deberta_own(), "eager", False, False, exported),
        "modernbert_traced": (modernbert(classifier_pooling="cls"), "sdpa", True, False, traced),
        "modernbert_mean_traced": (modernbert(classifier_pooling="mean"), "eager", True, False, traced),
        "modernbert_mean_dynamo": (modernbert(classifier_pooling="mean"), "sdpa", False, False, exported),
        "modernbert_biases_dynamo": (modernbert(classifier_bias=True, attention_bias=True, mlp_bias=True, norm_bias=True),
                                     "eager", False, False, exported),
        "modernbert_tokens_traced": (modernbert(tokens=True), "eager", True, False, traced),
        "modernbert_half": (modernbert(classifier_pooling="cls"), "sdpa", True, True, "halves"),
    }


def decoders():
    """name -> (model, attention, traced, half, note)"""
    settings = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "use_cache": False}
    gpt2 = {"n_positions": 22, **settings}
    grouped = {"num_key_value_heads": 1, **settings}
    traced, exported = "torch.onnx.export, traced", "torch.onnx.export, torch.export"
    return {
        "gpt2_traced": (small("gpt2", **gpt2), "eager", True, False, traced),
        "gpt2_dynamo": (small("gpt2", **gpt2), "sdpa", False, False, exported),
        "llama_traced": (small("llama", **grouped), "eager", True, False, traced),
        "llama_dynamo": (small("llama", **grouped), "eager", False, False, exported),
        "mistral_dynamo": (small("mistral", sliding_window=4, **grouped), "eager", False, False, exported),
        "qwen2_traced": (small("qwen2", **grouped), "eager", True, False, traced),
        "qwen3_dynamo": (small("qwen3", head_dim=12, **grouped), "eager", False, False, exported),
        "nomic_bert_traced": (small("nomic_bert"), "eager", True, False, traced),
        "gte_dynamo": (small("gte", type_vocab_size=0), "eager", False, False, exported),
    }


def quantised_architectures():
    """name -> (model, settings of quantize_dynamic)"""
    signed = {"weight_type": QuantType.QInt8, "per_channel": True}
    unsigned = {"weight_type": QuantType.QUInt8}
    return {
        "electra_i8": (small("electra", embedding_size=8), signed),
        "albert_u8": (small("albert", layers=2, embedding_size=8, hidden_act="gelu_new"), unsigned),
        "mpnet_u8": (small("mpnet", relative_attention_num_buckets=32), unsigned),
        "deberta_v3_i8": (deberta(), signed),
        "modernbert_u8": (modernbert(classifier_pooling="cls"), unsigned),
    }


def fused_architectures():
    """name -> model: what onnxruntime's optimiser makes operators of its own of, as optimum's -O2 does."""
    return {"bert_fused": bert(layers=1), "distilbert_fused": distilbert(), "albert_fused": small(
        "albert", layers=2, embedding_size=8, hidden_act="gelu_new")}


def export(model, path, attention, traced, half, dynamic=True):
    model = copy.deepcopy(model).eval()
    model.set_attn_implementation(attention)
    if half:
        model = model.half()
    ids = torch.arange(3, 17).reshape(2, 7)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    inputs["attention_mask"][1, 5:] = 0
    if getattr(model.config, "type_vocab_size", 0) > 1:
        inputs["token_type_ids"] = torch.zeros_like(ids)
    if traced:
        axes = {name: {0: "batch_size", 1: "sequence_length"} for name in inputs} | {"logits": {0: "batch_size"}}
        torch.onnx.export(model, (inputs,), path, input_names=list(inputs), output_names=["logits"], opset_version=17,
                          dynamic_axes=axes if dynamic else None, dynamo=False)
        return
    shape = {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("sequence", min=2, max=20)}
    torch.onnx.export(model, (), path, kwargs=inputs, input_names=list(inputs), output_names=["logits"], dynamo=True,
                      dynamic_shapes={name: shape for name in inputs}, verbose=False, external_data=False)
    proto = onnx.load(path)
    for part in [*proto.graph.node, *proto.graph.input, *proto.graph.output, *proto.graph.initializer,
                 *proto.graph.value_info, proto.graph, proto]:
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(proto, path)


def module_of(name):
    """/bert/encoder/layer.0/output/dense/MatMul_quant -> bert.encoder.layer.0.output.dense"""
    return ".".join(name.strip("/").split("/")[:-1])


def dequantize(values, scale, zero):
    return ((values.astype(np.int32) - zero.astype(np.int32)).astype(np.float32) * scale).astype(np.float32)


def take_weights(model, path):
    """Gives `model` the weights that the quantised file holds."""
    proto = onnx.load(path)
    tensors = {each.name: numpy_helper.to_array(each) for each in proto.graph.initializer}
    state = model.state_dict()
    taken = 0
    for name in state:
        if f"{name}_quantized" in tensors:
            state[name] = torch.from_numpy(dequantize(*(tensors[f"{name}_{part}"]
                                                        for part in ("quantized", "scale", "zero_point"))))
            taken += 1
    for node in proto.graph.node:
        if node.op_type == "MatMulInteger":
            stem = node.input[1].removesuffix("_quantized")
            values = dequantize(tensors[node.input[1]], tensors[f"{stem}_scale"], tensors[node.input[3]])
            name = f"{module_of(node.name)}.weight"
            if name not in state:  # used a second time: query_proj_1
                continue
            state[name] = torch.from_numpy(values.T.copy())
            taken += 1
    model.load_state_dict(state)
    return taken


def record(out, versions, name, model, note, **settings):
    sequences = recipe.make_sequences(1, [1, 2, 5, 11, 16, 20], 40, getattr(model.config, "type_vocab_size", 0))
    noise = recipe.record(model, sequences)
    golden = {"name": name, "command": "tools/make_onnx_goldens.py", "versions": versions, "note": note,
              "config": json.loads(model.config.to_json_string()), "reference_noise": float(f"{noise:.2e}")}
    golden |= settings
    golden["sequences"] = sequences
    recipe.write(out / f"{name}.json", golden)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="record these of the later cases alone")
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    versions = recipe.versions() | {package: importlib.metadata.version(package)
                                    for package in ("onnx", "onnxscript", "onnxruntime")}

    if not arguments.only:
        record_first(out, versions)
    for name, (model, attention, traced, half, note) in (other_architectures() | decoders()).items():
        if not arguments.only or name in arguments.only:
            record_export(out, versions, name, model, attention, traced, half, note)
    for name, model in fused_architectures().items():
        if not arguments.only or name in arguments.only:
            record_fused(out, versions, name, model)
    for name, (model, settings) in quantised_architectures().items():
        if not arguments.only or name in arguments.only:
            record_quantised(out, versions, name, model, settings)


def record_export(out, versions, name, model, attention, traced, half, note):
    model.eval()
    weights = recipe.randomize(model, 1, "F32")
    with contextlib.redirect_stdout(io.StringIO()):
        export(model, out / f"{name}.onnx", attention, traced, half)
    model.set_attn_implementation("eager")
    if half:
        model = model.half().float()
        record(out, versions, name, model, note)
    else:
        record(out, versions, name, model, note, weights=weights)


def record_quantised(out, versions, name, model, settings):
    model.eval()
    recipe.randomize(model, 1, "F32")
    export(model, out / "source.onnx", "eager", True, False)
    quantize_dynamic(out / "source.onnx", out / f"{name}.onnx", **settings)
    (out / "source.onnx").unlink()
    taken = take_weights(model, out / f"{name}.onnx")
    model.set_attn_implementation("eager")
    record(out, versions, name, model, "onnxruntime.quantization.quantize_dynamic", quantized_tensors=taken)


def record_fused(out, versions, name, model):
    model.eval()
    weights = recipe.randomize(model, 1, "F32")
    export(model, out / "source.onnx", "eager", True, False)
    options = FusionOptions("bert")
    optimised = optimize_model(str(out / "source.onnx"), model_type="bert", num_heads=2, hidden_size=16, opt_level=0,
                               optimization_options=options)
    (out / "source.onnx").unlink()
    operators = {node.op_type for node in optimised.model.graph.node}
    assert {"Attention", "SkipLayerNormalization"} <= operators, operators
    optimised.save_model_to_file(str(out / f"{name}.onnx"))
    record(out, versions, name, model, "onnxruntime.transformers.optimizer", weights=weights,
           fused=sorted(operators & {"Attention", "BiasGelu", "EmbedLayerNormalization", "FastGelu",
                                     "SkipLayerNormalization"}))


def record_first(out, versions):
    exports = [  # name, model, attention, traced, half, note
        ("bert_traced", bert(), "eager", True, False, "torch.onnx.export, traced"),
        ("bert_dynamo", bert(), "sdpa", False, False, "torch.onnx.export, torch.export"),
        ("bert_half", bert(layers=1), "sdpa", True, True, "halves"),
        ("bert_tanh_gelu", bert(layers=1, hidden_act="gelu_new"), "sdpa", True, False, "gelu written out with tanh"),
        ("distilbert_traced", distilbert(), "sdpa", True, False, "torch.onnx.export, traced"),
        ("distilbert_dynamo", distilbert(), "eager", False, False, "torch.onnx.export, torch.export"),
    ]
    for case in exports:
        record_export(out, versions, *case)

    fixed = bert(layers=1).eval()
    recipe.randomize(fixed, 1, "F32")
    export(fixed, out / "bert_fixed.onnx", "eager", True, False, dynamic=False)
    record(out, versions, "bert_fixed", fixed, "a graph for batches of 2 x 7 only")

    beside = bert(layers=1).eval()
    recipe.randomize(beside, 1, "F32")
    export(beside, out / "bert_beside.onnx", "eager", True, False)
    onnx.save(onnx.load(out / "bert_beside.onnx"), out / "bert_beside.onnx", save_as_external_data=True,
              location="bert_beside.onnx_data", size_threshold=256)
    record(out, versions, "bert_beside", beside, "weights in another file")

    for name, settings in {"bert_i8": {"weight_type": QuantType.QInt8, "per_channel": True},
                           "bert_u8": {"weight_type": QuantType.QUInt8},
                           "bert_u8_outputs": {"weight_type": QuantType.QUInt8, "per_channel": True,
                                               "reduce_range": True}}.items():
        record_quantised(out, versions, name, bert(layers=1), settings)


if __name__ == "__main__":
    main()
