"""Cache keys: a digest of everything that a step's outputs depend on."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from edgecnn.core.errors import MissingDependency
from edgecnn.core.store.digest import digest_json
from edgecnn.core.toolchains.environment import require
from edgecnn.pipeline.stages.base import Stage, parameters_json

if TYPE_CHECKING:
    from edgecnn.pipeline.step import Step, StepResult

EXTRA_OF = {
    "torch": "torch",
    "torchvision": "torch",
    "torch-pruning": "torch",
    "faster-coco-eval": "torch",
    "timm": "torch",
    "onnx": "onnx",
    "onnxscript": "onnx",
    "onnxruntime": "onnx",
    "litert-torch": "tflite",
    "ai-edge-litert": "tflite",
    "ai-edge-quantizer": "tflite",
    "openvino": "openvino",
    "nncf": "openvino",
    "optuna": "search",
}


def step_key(step: Step, results: dict[str, StepResult]) -> str:
    """Return the key of a step whose inputs are finished.

    Inputs enter by the digest of their bytes, not by their own keys: a step that was redone with the same
    result changes nothing after it.

    Raises:
        MissingDependency: A package or a toolchain that the stage needs is not installed.
    """
    inputs = {}
    for name, source in step.inputs.items():
        entry = results[source].entry
        if entry is None:
            raise KeyError(f"{step.id} reads {source}, which is not finished")
        inputs[name] = entry.digest
    return digest_json(
        {
            "stage": step.stage.name,
            "version": step.stage.version,
            "parameters": parameters_json(step.parameters),
            "inputs": inputs,
            "packages": package_versions(step.stage),
        }
    )


def package_versions(stage: Stage) -> dict[str, str]:
    """Return the installed versions of a stage's packages and vendor tools, without importing them."""
    versions = {}
    for name in stage.packages:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            extra = EXTRA_OF.get(name, "all")
            raise MissingDependency(
                f"stage {stage.name!r} needs the package {name!r}, which is not installed",
                hint=f"pip install 'edgecnn[{extra}]'",
            ) from None
    for name in stage.toolchains:
        toolchain = require(name).toolchain
        versions[toolchain.package] = toolchain.version
    return versions
