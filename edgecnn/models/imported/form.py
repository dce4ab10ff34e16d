"""A node of a file whose settings are being brought into the form that this package builds from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edgecnn.models.imported.onnx_graph import shape_of
from edgecnn.models.imported.settings import number, unsupported

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx_ir as ir

    from edgecnn.models.imported.graph import ImportedNode, Value

    Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Form:
    """A node of a file whose attributes are being settled.

    Attributes:
        node: The node; its attributes are changed in place.
        source: The node as the file has it.
        opset: Version of ONNX's operators in the file.
        weights: Its weights by their names in the operator table; they are changed in place.
    """

    node: ImportedNode
    source: ir.Node
    opset: int
    weights: dict[str, Array]

    @property
    def attributes(self) -> dict[str, Value]:
        """The settings."""
        return self.node.attributes

    @property
    def into(self) -> tuple[int, ...]:
        """Shape of the first input.

        Raises:
            InputError: It is not known.
        """
        return self._known(shape_of(self.source.inputs[0]), "input")

    @property
    def out(self) -> tuple[int, ...]:
        """Shape of the first output.

        Raises:
            InputError: It is not known.
        """
        return self._known(shape_of(self.source.outputs[0]), "output")

    def _known(self, shape: tuple[int, ...], what: str) -> tuple[int, ...]:
        if not shape or min(shape) < 0:
            raise unsupported(self.node, f"the shape of its {what} is not known")
        return shape

    def axis(self, default: int) -> int:
        """Return the setting ``axis``, counted from the first axis."""
        rank = len(self.into)
        axis = int(number(self.node, "axis", default))
        return axis + rank if axis < 0 else axis
