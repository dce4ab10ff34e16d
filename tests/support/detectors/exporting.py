"""Write a detector to an ONNX file, by each way in which such files are made."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    from tests.support.detectors.family import Array, Family

_DYNAMO = 18
"""The oldest opset that the newer exporter writes by itself."""
_MAKERS = ("Conv", "Mul", "Relu", "Split", "Slice")
"""Operators that make raw maps: convolutions, activations of prototypes, parts of a convolution's output."""


@dataclass(frozen=True)
class Form:
    """How a file is written.

    Attributes:
        opset: Version of ONNX' operators, 11 to 18.
        dynamo: Whether the newer of PyTorch's two exporters writes it; opset 18.
        simplified: Whether constants are folded afterwards, as users do with a simplifier.
        open_batch: Whether the size of the batch is left open.
    """

    opset: int = 17
    dynamo: bool = False
    simplified: bool = False
    open_batch: bool = False

    def __str__(self) -> str:
        words = [f"opset {self.opset}", "dynamo" if self.dynamo else "torchscript"]
        words += ["simplified"] * self.simplified + ["open batch"] * self.open_batch
        return ", ".join(words)


FORMS = (Form(11), Form(13, simplified=True), Form(17), Form(17, open_batch=True), Form(_DYNAMO, dynamo=True))


def export(family: Family, file: Path, form: Form = Form(), *, decoded: bool = True) -> Path:
    """Write a family's file, with or without its decode part, and return its path."""
    net = family.net(decoded=decoded)
    images = torch.from_numpy(family.images(1))
    names = list(family.outputs if decoded else family.maps)
    settings: dict[str, Any] = {
        "input_names": [family.source],
        "output_names": names,
        "opset_version": form.opset,
    }
    if form.open_batch:
        settings["dynamic_axes"] = {name: {0: "batch"} for name in (family.source, *names)}
    if form.dynamo:
        settings |= {"external_data": False, "verbose": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (images,), file, dynamo=form.dynamo, **settings)
    if form.simplified:
        _simplify(file)
    model = onnx.load(file)
    onnx.helper.set_model_props(model, dict(family.metadata))
    onnx.save(model, file)
    return file


def _simplify(file: Path) -> None:
    """Fold constants and remove what does nothing, by ONNX Runtime's basic optimizations."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(file)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
    model = onnx.load(file)
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain in used]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    onnx.save(model, file)


def answers(file: Path, images: npt.NDArray[np.float32]) -> list[Array]:
    """Return what ONNX Runtime computes of images with a file."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return list(session.run(None, {session.get_inputs()[0].name: images}))


def answers_and_maps(
    file: Path, images: npt.NDArray[np.float32], like: Sequence[Array]
) -> tuple[list[Array], list[Array]]:
    """Return what a file with a decode part answers, and the raw maps that this is computed from.

    Args:
        file: File with a decode part.
        images: The input.
        like: The raw maps as PyTorch computes them. Its values differ in the last digits, so the maps are the
            tensors of the file that are nearest to them.
    """
    model = onnx.load(file)
    outputs = len(model.graph.output)
    for node in model.graph.node:
        if node.op_type in _MAKERS:
            model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in node.output)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found = list(session.run(None, {session.get_inputs()[0].name: images}))
    maps = []
    for part in like:
        near = [value for value in found[outputs:] if value.shape == part.shape]
        maps.append(min(near, key=lambda value: float(np.abs(value - part).max())))
        assert np.allclose(maps[-1], part, atol=1e-3, rtol=1e-3)
    return found[:outputs], maps
