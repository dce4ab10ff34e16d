"""Records of ONNX and ONNX Runtime."""

from __future__ import annotations

from edgecnn.backends.records import Backend, FormatRecord, RuntimeRecord, StageVersion

BACKEND = Backend(
    formats=(
        FormatRecord(
            name="onnx",
            load="edgecnn.backends.onnx.format:OnnxFormat",
            suffix=".onnx",
            runtime="onnxruntime",
            precisions=("fp32", "int8"),
            layout="NCHW",
            lower=StageVersion(2, ("torch", "onnx", "onnx-ir", "onnxscript")),
            quantize=StageVersion(7, ("numpy", "onnx", "onnx-ir", "onnxruntime")),
            inspect=StageVersion(6, ("onnx", "onnx-ir", "onnxruntime")),
            kernels="edgecnn.backends.onnx.kernels:int8_kernels",
            extra="onnx",
            package_rank=1,
            hub_library="onnx",
        ),
    ),
    runtimes=(
        RuntimeRecord(
            name="onnxruntime",
            load="edgecnn.backends.onnx.runtime:OnnxRuntime",
            format="onnx",
            distribution="onnxruntime",
            extra="onnx",
            saturates=True,
            versioned=True,
            emulated=True,
            ships={"raspberry-pi": ('onnxruntime>=1.20; platform_machine != "armv7l"',)},
        ),
    ),
)
