"""Records of Qualcomm's QNN."""

from __future__ import annotations

from edgecnn.backends.records import Backend, CompilerRecord, RuntimeRecord

BACKEND = Backend(
    runtimes=(
        RuntimeRecord(
            name="qnn",
            load="edgecnn.backends.qnn.runtime:QnnHtp",
            format="onnx",
            distribution="onnxruntime-qnn",
            toolchain="qnn",
            simulates=True,
        ),
    ),
    compilers=(
        CompilerRecord(
            name="qnn",
            load="edgecnn.backends.qnn.compiler:Qnn",
            options="edgecnn.backends.qnn.options:QnnOptions",
            format="onnx",
            float_parts="edgecnn.backends.onnx.partition:float_parts",
            distribution="onnxruntime-qnn",
            toolchain="qnn",
            compiled="compiled.onnx",
            distributions=("onnx", "onnxruntime"),
            counts=("cpu_ops", "subgraphs"),
        ),
    ),
)
