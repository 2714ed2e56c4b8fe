"""ONNX Runtime: the exported graph as it is and after onnxruntime.transformers.optimizer, each also quantised."""

import json

import onnxruntime
from engine import Engine


class OnnxRuntime(Engine):
    versions = {"onnxruntime": onnxruntime.__version__}

    def __init__(self, graph, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        self.session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])

    def prepare(self, batch):
        return {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}

    def forward(self, inputs):
        return self.session.run(["logits"], inputs)[0]


def fuse(folder):
    """fused.onnx; what was fused is noted beside it."""
    from onnxruntime.transformers import optimizer

    config = json.loads((folder / "hf/config.json").read_text())
    heads = config.get("n_heads") or config["num_attention_heads"]
    hidden = config.get("dim") or config["hidden_size"]
    fused = optimizer.optimize_model(
        str(folder / "plain.onnx"), model_type="bert", num_heads=heads, hidden_size=hidden, opt_level=0
    )
    counts = {op: n for op, n in fused.get_fused_operator_statistics().items() if n}
    (folder / "fused.txt").write_text(", ".join(f"{n} {op}" for op, n in counts.items()))
    fused.save_model_to_file(str(folder / "fused.onnx"))


def quantise(source, target):
    """Dynamic: s8 weights, activations by the row of a product at run time. With AMX, u8 weights are several times
    slower."""
    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # The fused operators are ONNX Runtime's own: shape inference does not know what they return.
    types = {"DefaultTensorType": TensorProto.FLOAT}
    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, extra_options=types)


def open_engine(folder, variant, threads):
    graph = folder / f"{variant}.onnx"
    if not graph.exists():
        if variant.startswith("fused") and not (folder / "fused.onnx").exists():
            fuse(folder)
        if variant.endswith("-int8"):
            quantise(folder / f"{variant.removesuffix('-int8')}.onnx", graph)
    return OnnxRuntime(graph, threads)
