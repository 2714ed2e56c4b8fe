"""The peers by name: which module makes each one, and in which precision its products are."""

import importlib
from dataclasses import dataclass

TEXT_BATCHES = (8, 32, 64)
PIPELINE_BATCHES = (1, 64)  # both are reported: not a search for the best


@dataclass(frozen=True)
class Peer:
    module: str
    variant: str
    precision: str  # fp32, fp16, bf16, int8

    def open(self, folder, threads):
        """An Engine. Makes what it needs in `folder` from hf/ and plain.onnx unless it is there."""
        return importlib.import_module(self.module).open_engine(folder, self.variant, threads)


PEERS = {
    "torch-f32": Peer("peer_torch", "eager-float32", "fp32"),
    "torch-bf16": Peer("peer_torch", "eager-bfloat16", "bf16"),
    "torch-int8": Peer("peer_torch", "dynamic-qint8", "int8"),
    "torch-compile-f32": Peer("peer_torch", "compile-float32", "fp32"),
    "torch-compile-bf16": Peer("peer_torch", "compile-bfloat16", "bf16"),
    "ort-f32": Peer("peer_onnxruntime", "plain", "fp32"),
    "ort-f32-fused": Peer("peer_onnxruntime", "fused", "fp32"),
    "ort-int8": Peer("peer_onnxruntime", "plain-int8", "int8"),
    "ort-int8-fused": Peer("peer_onnxruntime", "fused-int8", "int8"),
    "openvino-f32": Peer("peer_openvino", "f32", "fp32"),
    "openvino-bf16": Peer("peer_openvino", "bf16", "bf16"),
    "openvino-f16": Peer("peer_openvino", "f16", "fp16"),
    "openvino-int8": Peer("peer_openvino", "int8", "int8"),
    "ctranslate2-int8": Peer("peer_ctranslate2", "int8", "int8"),
    "llama-q8": Peer("peer_llama", "q8_0", "int8"),
    "pipeline-f32": Peer("peer_pipeline", "float32", "fp32"),
    "pipeline-bf16": Peer("peer_pipeline", "bfloat16", "bf16"),
}

REFERENCE = "torch-f32"  # whose logits the others are compared with
ONNX_INT8 = ("ort-int8", "ort-int8-fused")
PIPELINES = ("pipeline-f32", "pipeline-bf16")  # text in, label out
ID_PEERS = tuple(name for name in PEERS if name not in PIPELINES)  # token ids in, logits out
OURS = tuple(f"valence-{precision}" for precision in ("int8", "fp16", "bf16", "fp32"))


def precision_of(name):
    return PEERS[name].precision if name in PEERS else name.removeprefix("valence-")
