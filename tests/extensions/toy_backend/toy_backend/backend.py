"""The records by which edgecnn finds everything else."""

from __future__ import annotations

from edgecnn.backends.records import Backend, FormatRecord, RuntimeRecord, StageVersion

BACKEND = Backend(
    formats=(
        FormatRecord(
            name="toy",
            load="toy_backend.format:ToyFormat",
            suffix=".toy",
            runtime="toy-numpy",
            precisions=("fp32", "int8"),
            layout="NCHW",
            lower=StageVersion(1, ("torch",)),
            quantize=StageVersion(1, ("numpy",)),
            inspect=StageVersion(1, ("numpy",)),
            kernels="toy_backend.kernels:int8_kernels",
        ),
    ),
    runtimes=(
        RuntimeRecord(
            name="toy-numpy",
            load="toy_backend.runtime:ToyNumpy",
            format="toy",
            distribution="numpy",
        ),
    ),
)
