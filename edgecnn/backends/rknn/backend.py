"""Records of Rockchip's RKNN toolkit."""

from __future__ import annotations

from edgecnn.backends.records import Backend, CompilerRecord, RuntimeRecord

BACKEND = Backend(
    runtimes=(
        RuntimeRecord(
            name="rknn",
            load="edgecnn.backends.rknn.runtime:RknnSimulator",
            format="onnx",
            distribution="rknn-toolkit2",
            toolchain="rknn",
            simulates=True,
        ),
    ),
    compilers=(
        CompilerRecord(
            name="rknn",
            load="edgecnn.backends.rknn.compiler:Rknn",
            options="edgecnn.backends.rknn.options:RknnOptions",
            format="onnx",
            float_parts="edgecnn.backends.onnx.partition:float_parts",
            distribution="rknn-toolkit2",
            toolchain="rknn",
            compiled="compiled.rknn",
            distributions=("onnx", "onnxruntime"),
            counts=("cpu_ops", "subgraphs", "cycles"),
        ),
    ),
)
