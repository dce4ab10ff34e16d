"""Files of one operator, which the importer must read as ONNX means it, or refuse.

An image of one row holds the values of all tensors that the operator reads; the file cuts it and gives every
part its shape. All other inputs of the operator are constants.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.network import ImportedNetwork

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Array = npt.NDArray[Any]

_WIDEST = 8192
_IMAGE, _ROW = "the_image", "the_row"


def of_image(
    model: onnx.ModelProto, values: Mapping[str, Array], moving: Sequence[str]
) -> tuple[onnx.ModelProto, Array]:
    """Return a model of one image that computes what a model computes, and the image.

    Args:
        model: A model of any inputs.
        values: Values of its inputs by name.
        moving: Names of the inputs that come from the image, those of other types than float32 by a Cast;
            the others become constants.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for item in made.opset_import:  # before, Reshape had its shape as an attribute
        item.version = max(item.version, 7) if item.domain in ("", "ai.onnx") else item.version
    graph = made.graph
    flat = np.concatenate([values[name].ravel() for name in moving]).astype(np.float32)
    rows = -(-flat.size // _WIDEST)
    columns = -(-flat.size // rows)
    image = np.zeros(rows * columns, np.float32)
    image[: flat.size] = flat
    sizes = [1, 1, rows, columns]
    nodes, place = [_reshape(graph, _IMAGE, _ROW, [-1])], 0
    for name in moving:
        part, end = f"{name}_part", place + values[name].size
        nodes.append(_slice(made, _ROW, part, place, end))
        kind = helper.np_dtype_to_tensor_dtype(values[name].dtype)
        shaped = name if kind == TensorProto.FLOAT else f"{name}_float"
        nodes.append(_reshape(graph, part, shaped, list(values[name].shape)))
        if shaped != name:
            nodes.append(helper.make_node("Cast", [shaped], [name], to=kind, name=f"cast_{name}"))
        place = end
    constants = [numpy_helper.from_array(values[name], name) for name in values if name not in moving]
    nodes += graph.node
    for field in ("node", "input"):
        graph.ClearField(field)
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(_IMAGE, TensorProto.FLOAT, sizes))
    graph.initializer.extend(constants)
    return made, image.reshape(sizes)


def add_float_outputs(model: onnx.ModelProto) -> list[str]:
    """Give a model outputs of float32 instead of its own, in place, and return their names."""
    names = []
    for output in model.graph.output:
        kind = output.type.tensor_type.elem_type
        names.append(output.name if kind == TensorProto.FLOAT else f"{output.name}_float")
        if kind != TensorProto.FLOAT:
            cast = helper.make_node("Cast", [output.name], [names[-1]], to=TensorProto.FLOAT)
            model.graph.node.append(cast)
    made = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    model.graph.ClearField("output")
    model.graph.output.extend(made)
    return names


def _reshape(graph: onnx.GraphProto, source: str, made: str, sizes: list[int]) -> onnx.NodeProto:
    graph.initializer.append(numpy_helper.from_array(np.array(sizes, np.int64), f"{made}_shape"))
    return helper.make_node("Reshape", [source, f"{made}_shape"], [made], name=f"make_{made}")


def _slice(model: onnx.ModelProto, source: str, made: str, start: int, end: int) -> onnx.NodeProto:
    if opset_of(model) < 10:
        return helper.make_node("Slice", [source], [made], starts=[start], ends=[end], axes=[0])
    names = [f"{made}_{what}" for what in ("start", "end", "axis")]
    for name, value in zip(names, (start, end, 0), strict=True):
        model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), name))
    return helper.make_node("Slice", [source, *names], [made])


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's operators in a model."""
    return next((item.version for item in model.opset_import if item.domain in ("", "ai.onnx")), 1)


def imported_answer(model: onnx.ModelProto, image: Array, outputs: Sequence[str]) -> list[Array] | str:
    """Import a model and return what the network answers, or the message of the refusal.

    Args:
        model: A model of one image.
        image: The image.
        outputs: Names of the tensors to compute.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "operator.onnx"
        onnx.save(model, file)
        try:
            found = import_onnx(file, tuple(outputs))
            module = ImportedNetwork(found.graph).eval()
        except InputError as error:
            return error.message
    module.load_state_dict(found.state)
    with torch.inference_mode():
        answer = module(torch.from_numpy(image))
    return [part.numpy() for part in ((answer,) if isinstance(answer, torch.Tensor) else answer)]


def compare(answers: Sequence[Array], wanted: Sequence[Array], tolerance: float = 1e-4) -> None:
    """Assert that answers are equal up to a relative tolerance, by default that of float32's rounding."""
    for answer, want in zip(answers, wanted, strict=True):
        assert answer.shape == want.shape, f"shape {answer.shape}, not {want.shape}"
        finite = np.abs(want[np.isfinite(want)])
        scale = float(finite.max(initial=1.0))
        np.testing.assert_allclose(answer, want, rtol=tolerance, atol=2e-5 * scale)
