"""Records of OpenVINO IR and OpenVINO's CPU plugin."""

from __future__ import annotations

from edgecnn.backends.records import Backend, FormatRecord, RuntimeRecord, StageVersion

BACKEND = Backend(
    formats=(
        FormatRecord(
            name="openvino",
            load="edgecnn.backends.openvino.format:OpenvinoFormat",
            suffix=".xml",
            runtime="openvino",
            precisions=("fp32", "fp16", "int8"),
            layout="NCHW",
            lower=StageVersion(1, ("torch", "openvino")),
            quantize=StageVersion(5, ("numpy", "openvino", "nncf")),
            inspect=StageVersion(3, ("openvino",)),
            kernels="edgecnn.backends.openvino.kernels:int8_kernels",
            extra="openvino",
            companions=(".bin",),
        ),
    ),
    runtimes=(
        RuntimeRecord(
            name="openvino",
            load="edgecnn.backends.openvino.runtime:OpenVino",
            format="openvino",
            distribution="openvino",
            extra="openvino",
            saturates=True,
            versioned=True,
        ),
    ),
)
