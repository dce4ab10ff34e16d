"""Records of Arm's Vela."""

from __future__ import annotations

from edgecnn.backends.records import Backend, CompilerRecord

BACKEND = Backend(
    compilers=(
        CompilerRecord(
            name="vela",
            load="edgecnn.backends.vela.compiler:Vela",
            options="edgecnn.backends.vela.options:VelaOptions",
            format="tflite",
            float_parts="edgecnn.backends.tflite.partition:float_parts",
            distribution="ethos-u-vela",
            toolchain="vela",
            compiled="compiled.tflite",
            distributions=("ai-edge-litert",),
            counts=("cpu_ops", "subgraphs", "cycles", "sram", "flash"),
            nominal="edgecnn.backends.tflite.nominal:write_nominal",
        ),
    ),
)
