"""Records of TFLite and of the runtimes that execute it on computers and phones."""

from __future__ import annotations

from edgecnn.backends.records import Backend, FormatRecord, RuntimeRecord, StageVersion

BACKEND = Backend(
    formats=(
        FormatRecord(
            name="tflite",
            load="edgecnn.backends.tflite.format:TfliteFormat",
            suffix=".tflite",
            runtime="litert",
            precisions=("fp32", "fp16", "int8"),
            layout="NHWC",
            lower=StageVersion(3, ("torch", "litert-torch", "litert-converter", "ai-edge-litert", "jax")),
            quantize=StageVersion(8, ("numpy", "ai-edge-quantizer", "ai-edge-litert")),
            inspect=StageVersion(4, ("ai-edge-litert",)),
            kernels="edgecnn.backends.tflite.kernels:int8_kernels",
            extra="tflite",
            integer_int8=True,
            package_rank=0,
            hub_library="litert",
        ),
    ),
    runtimes=(
        RuntimeRecord(
            name="litert",
            load="edgecnn.backends.tflite.runtime:LiteRt",
            format="tflite",
            distribution="ai-edge-litert",
            extra="tflite",
            exact_reference=True,
            versioned=True,
            emulated=True,
            ships={"raspberry-pi": ('ai-edge-litert>=2.0; platform_machine != "armv7l"',), "android": ()},
        ),
        RuntimeRecord(
            name="tflite-runtime",
            load="edgecnn.backends.tflite.runtime:TfliteRuntime",
            format="tflite",
            distribution="tflite-runtime",
            own_install='in an environment of its own: pip install tflite-runtime "numpy<2"',
            versioned=True,
            # It needs the C interface of numpy 1, and it ends with Python 3.11. It is the only runtime for
            # 32-bit Arm.
            beside=("numpy<2",),
            ships={
                "raspberry-pi": (
                    'tflite-runtime>=2.14; platform_machine == "armv7l" and python_version < "3.12"',
                    'numpy<2; platform_machine == "armv7l"',
                )
            },
        ),
    ),
)
