"""A TensorFlow function as a graph without variables, converted to ONNX and executed at any tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Values = npt.NDArray[Any]

OPSET = 17
"""Version of ONNX's operators that the conversion writes."""

_IMAGE = 4


class FrozenFunction:
    """A function of one image whose variables are constants.

    Args:
        function: A concrete function of TensorFlow with one input.
        call: The function as the user's file defines it; it executes an image ``[1, H, W, C]``.
        channels_last: Whether its image has channels last; maps that it returns then have them too.
        raw_pixels: Whether its first layers scale pixels themselves.

    Attributes:
        outputs: Names of the outputs, as in the ONNX file.
        keep: What must stay alive with the function: a loaded SavedModel holds its variables.
    """

    def __init__(
        self,
        function: Any,
        call: Callable[[Values], list[Values]],
        *,
        channels_last: bool,
        raw_pixels: bool,
    ) -> None:
        from tf2onnx import tf_loader

        self.channels_last, self.raw_pixels = channels_last, raw_pixels
        self._call = call
        self.keep: object = None
        # What follows the image are tensors that the function captured, which become constants.
        self._inputs = [function.inputs[0].name]
        self.outputs = tuple(tensor.name for tensor in function.outputs)
        self._maps = [tensor.name for tensor in function.outputs if len(tensor.shape) == _IMAGE]
        self._graph = tf_loader.from_function(function, self._inputs, list(self.outputs))

    def convert(self, out: Path) -> None:
        """Write the function as ONNX with channels first.

        Raises:
            InputError: tf2onnx cannot convert an operation.
        """
        from tf2onnx.convert import from_graph_def

        turned = self._maps if self.channels_last else []
        write(
            lambda: from_graph_def(
                self._graph,
                input_names=self._inputs,
                output_names=list(self.outputs),
                opset=OPSET,
                inputs_as_nchw=self._inputs if self.channels_last else [],
                outputs_as_nchw=turned,
            )[0],
            out,
        )

    def run(self, image: Values) -> list[Values]:
        """Return the outputs for an image in the layout of the file."""
        return self._call(image)

    def tensors(self, image: Values, names: Sequence[str]) -> dict[str, Values]:
        """Return those of the named tensors that the graph has, for an image in the layout of the file."""
        import tensorflow as tf

        with tf.Graph().as_default() as graph:
            tf.import_graph_def(self._graph, name="")
            known = {
                output.name
                for operation in graph.get_operations()
                for output in operation.outputs
                if output.dtype == tf.float32
            }
            wanted = [name for name in names if name in known]
            with tf.compat.v1.Session(graph=graph) as session:
                found = session.run(wanted, {self._inputs[0]: image})
        return dict(zip(wanted, map(np.asarray, found), strict=True))


def write(convert: Callable[[], Any], out: Path) -> None:
    """Write the ONNX model that a function of tf2onnx returns.

    Raises:
        InputError: It raises an exception, or leaves an operation of TensorFlow in the model.
    """
    import onnx

    try:
        model = convert()
    except Exception as error:  # tf2onnx raises ValueError, KeyError, AssertionError and others
        raise InputError(
            f"tf2onnx cannot convert it: {one_line(error)}",
            hint="export it without the operation, or convert it to ONNX by other means and give that file",
        ) from error
    foreign = sorted({node.op_type for node in model.graph.node if node.domain not in {"", "ai.onnx"}})
    if foreign:
        raise InputError(
            f"it has operations that ONNX does not have: {', '.join(foreign[:5])}",
            hint="export the network without them, for example without the part behind its last layers",
        )
    onnx.save_model(model, out)
