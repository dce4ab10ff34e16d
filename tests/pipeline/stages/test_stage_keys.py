"""Tests of the content of stages' keys: a change here means that every stored step is made again."""

from __future__ import annotations

from typing import Any

from edgecnn.backends.registry import compilers, formats, runtimes
from edgecnn.pipeline.stages.base import Stage
from edgecnn.pipeline.stages.benchmark import benchmark_stage
from edgecnn.pipeline.stages.compile import compile_stage
from edgecnn.pipeline.stages.evaluate import evaluate_stage
from edgecnn.pipeline.stages.lower import lower_stage
from edgecnn.pipeline.stages.quantize import inspect_stage, quantize_stage
from edgecnn.pipeline.stages.verify import verify_stage

KEYS: dict[str, tuple[int, tuple[str, ...], tuple[str, ...]]] = {
    "benchmark:litert": (2, ("ai-edge-litert",), ()),
    "benchmark:onnxruntime": (2, ("onnxruntime",), ()),
    "benchmark:openvino": (2, ("openvino",), ()),
    "benchmark:tflite-runtime": (2, ("tflite-runtime",), ()),
    "compile:qnn": (2, ("onnx", "onnxruntime"), ("qnn",)),
    "compile:rknn": (2, ("onnx", "onnxruntime"), ("rknn",)),
    "compile:vela": (2, ("ai-edge-litert",), ("vela",)),
    "evaluate:litert": (1, ("ai-edge-litert",), ()),
    "evaluate:onnxruntime": (1, ("onnxruntime",), ()),
    "evaluate:openvino": (1, ("openvino",), ()),
    "evaluate:qnn": (1, (), ("qnn",)),
    "evaluate:rknn": (1, (), ("rknn",)),
    "evaluate:tflite-micro": (1, (), ("tflm",)),
    "evaluate:tflite-runtime": (1, ("tflite-runtime",), ()),
    "evaluate:tosa": (1, (), ("tosa",)),
    "inspect:onnx": (6, ("onnx", "onnx-ir", "onnxruntime"), ()),
    "inspect:openvino": (3, ("openvino",), ()),
    "inspect:tflite": (4, ("ai-edge-litert",), ()),
    "lower:onnx": (2, ("torch", "onnx", "onnx-ir", "onnxscript"), ()),
    "lower:openvino": (1, ("torch", "openvino"), ()),
    "lower:tflite": (3, ("torch", "litert-torch", "litert-converter", "ai-edge-litert", "jax"), ()),
    "quantize:onnx": (7, ("numpy", "onnx", "onnx-ir", "onnxruntime"), ()),
    "quantize:openvino": (5, ("numpy", "openvino", "nncf"), ()),
    "quantize:tflite": (8, ("numpy", "ai-edge-quantizer", "ai-edge-litert"), ()),
    "verify:litert": (
        7,
        (
            "numpy",
            "ai-edge-litert",
        ),
        (),
    ),
    "verify:onnxruntime": (
        7,
        (
            "numpy",
            "onnxruntime",
        ),
        (),
    ),
    "verify:openvino": (
        7,
        (
            "numpy",
            "openvino",
        ),
        (),
    ),
    "verify:qnn": (
        7,
        (
            "numpy",
            "onnxruntime",
        ),
        ("qnn",),
    ),
    "verify:rknn": (
        7,
        (
            "numpy",
            "onnxruntime",
        ),
        ("rknn",),
    ),
    "verify:tflite-micro": (
        7,
        (
            "numpy",
            "ai-edge-litert",
        ),
        ("tflm",),
    ),
    "verify:tflite-runtime": (
        7,
        (
            "numpy",
            "tflite-runtime",
        ),
        (),
    ),
    "verify:tosa": (
        7,
        (
            "numpy",
            "ai-edge-litert",
        ),
        ("tosa",),
    ),
}
"""Version, packages and toolchains by stage and name."""


def test_versions_packages_and_toolchains_change_on_purpose_only() -> None:
    made: dict[str, Stage[Any]] = {}
    for name in formats():
        made |= {f"{one.name}:{name}": one for one in (lower_stage(name), quantize_stage(name))}
        made[f"inspect:{name}"] = inspect_stage(name)
    for name, record in runtimes().items():
        made |= {f"{one.name}:{name}": one for one in (verify_stage(name), evaluate_stage(name))}
        if not record.simulates:
            made[f"benchmark:{name}"] = benchmark_stage(name)
    made |= {f"compile:{name}": compile_stage(name) for name in compilers()}
    assert {key: (one.version, one.packages, one.toolchains) for key, one in made.items()} == KEYS
