"""Reading of ONNX files with bounded sizes, and their simplification by ONNX Runtime."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime

from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.models.imported.external_data import embed, load_model, outside_tensors
from edgecnn.models.imported.group_norms import WriteGroupNorms
from edgecnn.models.imported.image_input import as_given
from edgecnn.models.imported.onnx_graph import infer_shapes, link, proto_of, shape_of, weights_elsewhere
from edgecnn.ondevice.onnx_library import refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

REFUSALS = refusals()
"""Exceptions of ONNX Runtime for a model that it cannot run."""

MOST_FOLDED_BYTES = 1 << 28
"""Largest constant that ONNX Runtime computes from others; a few bytes of a file can ask for terabytes."""

_MOVING = ["TransposeOptimizer"]
"""Rewrites that would move the operations by which a decode part is recognized."""


def read_model(file: Path) -> onnx.ModelProto:
    """Read an ONNX file that holds all its weights, as every file that edgecnn writes does.

    Raises:
        InputError: The file is missing, too large, truncated, of another format, or refers to other files.
    """
    model = load_model(file)
    if outside_tensors(model):
        raise weights_elsewhere(file)
    return model


def read_given_model(file: Path) -> onnx.ModelProto:
    """Read the ONNX file of a user, with the weights that lie in files beside it.

    Raises:
        InputError: The file is missing, too large, truncated, of another format, or refers to files that are
            not beside it or do not hold what it says.
    """
    model = load_model(file)
    embed(model, file)
    return model


def fold(model: ir.Model, name: Path, *, moves: bool = False) -> ir.Model:
    """Return a model with constants and shape arithmetic folded, and batch norms merged into convolutions.

    Args:
        model: The model.
        name: Its name in messages.
        moves: Whether transposes are moved until they cancel each other, which a file with channels last
            needs; decode parts are recognized where they are not moved.

    Raises:
        InputError: ONNX Runtime rejects it; the message names ``name``.
    """
    _sort_squeezed_axes(model)
    disabled = [] if moves else _MOVING
    folded = _folded(WriteGroupNorms()(model).model, name, disabled)
    return _folded(folded, name, disabled) if _fix_shapes(folded) else folded


def _folded(model: ir.Model, name: Path, disabled: list[str]) -> ir.Model:
    with tempfile.TemporaryDirectory(prefix="edgecnn-onnx-") as folder:
        options = _options(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        _session(model, name, options, disabled_optimizers=disabled)
        folded = onnx.load_model(options.optimized_model_filepath)
    return link(infer_shapes(folded, name, data_prop=True), name)


def _fix_shapes(model: ir.Model) -> bool:
    """Make constants of the shapes that a model asks for, where they are known; return whether there are any.

    ONNX Runtime does so itself, but not in operations that it has taken apart, and not for Size.
    """
    found = False
    for node in [node for node in model.graph if node.op_type in ("Shape", "Size") and not node.domain]:
        shape = shape_of(node.inputs[0])
        known = node.inputs[0] is not None and node.inputs[0].shape is not None and min(shape, default=1) >= 0
        if not known:
            continue
        part = shape[node.attributes.get_int("start", 0) : node.attributes.get_int("end", len(shape))]
        value = np.array(part if node.op_type == "Shape" else math.prod(shape), np.int64)
        made = ir.node("Constant", [], attributes={"value": ir.tensor(value)}, name=node.name)
        ir.convenience.replace_nodes_and_values(model.graph, node, [node], [made], node.outputs, made.outputs)
        found = True
    return found


def _sort_squeezed_axes(model: ir.Model) -> None:
    """Sort the axes of Squeeze nodes: ONNX Runtime folds axes that do not ascend into a wrong shape."""
    for node in model.graph:
        axes = node.attributes.get_ints("axes", ()) if node.op_type == "Squeeze" else ()
        rank = len(shape_of(node.inputs[0])) if axes else 0
        if rank:
            node.attributes.add(ir.AttrInt64s("axes", sorted(axis % rank for axis in axes)))


def run(model: ir.Model, name: Path, image: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Run a model of one input without optimization; return its outputs.

    Raises:
        InputError: ONNX Runtime rejects it; the message names ``name``.
    """
    return execute(open_session(model, name), None, image, name)


def execute(
    session: onnxruntime.InferenceSession,
    tensors: Sequence[str] | None,
    image: npt.NDArray[np.float32],
    name: Path,
) -> list[npt.NDArray[np.float32]]:
    """Execute an open model of one input.

    Args:
        session: The model.
        tensors: Names of the wanted outputs, in order; None for all.
        image: The input.
        name: Name of the file in messages.

    Raises:
        InputError: ONNX Runtime cannot execute it, for example for lack of memory.
    """
    try:
        entrance = session.get_inputs()[0]
        given = as_given(image, entrance.shape, entrance.type)
        outputs: list[npt.NDArray[np.float32]] = session.run(tensors, {entrance.name: given})
    except REFUSALS as error:
        raise InputError(
            f"{name} cannot be executed by ONNX Runtime: {one_line(error)}",
            hint="cut the network with --outputs before the operation that fails",
        ) from error
    return outputs


def open_session(model: ir.Model, name: Path) -> onnxruntime.InferenceSession:
    """Open a model for execution without optimization, on one thread.

    Raises:
        InputError: ONNX Runtime rejects it; the message names ``name``.
    """
    return _session(model, name, _options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL))


def open_bytes(content: bytes, file: Path) -> onnxruntime.InferenceSession:
    """Open the bytes of a model as they are for execution without optimization, on one thread.

    Args:
        content: The bytes.
        file: The file that they come from; weights in other files lie beside it.

    Raises:
        InputError: ONNX Runtime rejects them.
    """
    options = _options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", str(file.parent.resolve())
    )
    return _open(content, file, options)


def _options(level: onnxruntime.GraphOptimizationLevel) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    restrain(options)
    return options


def restrain(options: onnxruntime.SessionOptions) -> None:
    """Set one thread, no log and a limit on folded constants for the session of a file from outside."""
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry(
        "optimization.constant_folding_max_output_size_in_bytes", str(MOST_FOLDED_BYTES)
    )


def _session(
    model: ir.Model, name: Path, options: onnxruntime.SessionOptions, **settings: list[str]
) -> onnxruntime.InferenceSession:
    return _open(proto_of(model, name).SerializeToString(), name, options, **settings)


def _open(
    content: bytes, name: Path, options: onnxruntime.SessionOptions, **settings: list[str]
) -> onnxruntime.InferenceSession:
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"], **settings)
    except REFUSALS as error:
        raise InputError(
            f"{name} cannot be opened by ONNX Runtime: {one_line(error)}",
            hint="cut the network with --outputs before an operation that ONNX Runtime does not have",
        ) from error
