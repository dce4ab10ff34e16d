"""Records of TensorFlow Lite for Microcontrollers."""

from __future__ import annotations

from edgecnn.backends.records import Backend, RuntimeRecord

BACKEND = Backend(
    runtimes=(
        RuntimeRecord(
            name="tflite-micro",
            load="edgecnn.backends.tflm.runtime:TfliteMicro",
            format="tflite",
            distribution="tflite-micro",
            toolchain="tflm",
            simulates=True,
            is_reference=True,
            counts=("arena",),
        ),
    ),
)
