"""Records of Arm's TOSA reference model."""

from __future__ import annotations

from edgecnn.backends.records import Backend, RuntimeRecord

BACKEND = Backend(
    runtimes=(
        RuntimeRecord(
            name="tosa",
            load="edgecnn.backends.tosa.runtime:TosaModel",
            format="tflite",
            distribution="tosa-tools",
            toolchain="tosa",
            simulates=True,
            is_reference=True,
        ),
    ),
)
