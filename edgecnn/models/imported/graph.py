"""The structure of an imported network as data; ``spec.json`` holds it, so reading does not trust it."""

from __future__ import annotations

import math
import re
from typing import Annotated, Self

from pydantic import Field, model_validator

from edgecnn.core.documents.document import Document
from edgecnn.core.errors import InputError

Shape = tuple[int, ...]
Value = bool | int | float | str | list[int | float]

MAX_NODES = 20_000
MAX_ELEMENTS = 2**29
"""Largest number of all weights, as many float32 values as an ONNX file can hold."""

_NAME = re.compile(r"[A-Za-z_]\w*")


class ImportedNode(Document):
    """One operation."""

    operator: str
    """A key of :data:`edgecnn.models.imported.operators.OPERATORS`."""

    name: str
    """Name of its module, unique."""

    inputs: tuple[str, ...]
    """Names of the tensors that it reads."""

    outputs: tuple[str, ...]
    """Names of the tensors that it computes."""

    attributes: dict[str, Value] = Field(default_factory=dict)
    """Its settings."""

    weights: dict[str, Shape] = Field(default_factory=dict)
    """Shapes of its parameters by their names in the module."""


class GraphPart(Document):
    """An output that is some channels of a tensor of the file."""

    name: str
    """Name of the output."""

    source: str
    """Name of the file's tensor, ``[N, C, H, W]``."""

    channels: tuple[Annotated[int, Field(ge=0)], ...]
    """Its channels that the output holds, in this order."""


class ImportedGraph(Document):
    """A network of one image input."""

    left_out = frozenset({"parts"})

    input: str
    """Name of the images, ``[N, C, H, W]``."""

    outputs: tuple[str, ...]
    """Names of the tensors that it returns."""

    nodes: tuple[ImportedNode, ...]
    """The operations in an order of execution."""

    parts: tuple[GraphPart, ...] = ()
    """The outputs that the file has only as parts of other tensors."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Check that every tensor is computed before it is read, and that sizes are bounded.

        Raises:
            InputError: A check fails.
        """
        if not 1 <= len(self.nodes) <= MAX_NODES:
            raise InputError(f"an imported network has {len(self.nodes)} operations, not 1..{MAX_NODES}")
        known, names, elements = {self.input}, set[str](), 0
        for node in self.nodes:
            if not _NAME.fullmatch(node.name) or node.name in names:
                raise InputError(f"an imported network has an operation named {node.name!r}")
            names.add(node.name)
            missing = [name for name in node.inputs if name not in known]
            if missing:
                raise InputError(
                    f"{node.operator} {node.name} reads {missing[0]!r}, which no operation before it computes"
                )
            known |= set(node.outputs)
            elements += sum(math.prod(shape) for shape in node.weights.values())
            if any(size < 0 for shape in node.weights.values() for size in shape) or elements > MAX_ELEMENTS:
                raise InputError(f"{node.operator} {node.name} has weights of impossible shapes")
        absent = [name for name in self.outputs if name not in known]
        if absent or not self.outputs:
            raise InputError(f"an imported network does not compute its outputs {absent}")
        return self
