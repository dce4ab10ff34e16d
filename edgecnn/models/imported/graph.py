"""The structure of an imported network as data; ``spec.json`` holds it, so reading does not trust it."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from edgecnn.core.documents.document import reason
from edgecnn.core.errors import InputError

Shape = tuple[int, ...]
Value = bool | int | float | str | list[int | float]

MAX_NODES = 20_000
MAX_ELEMENTS = 2**29
"""Largest number of all weights, as many float32 values as an ONNX file can hold."""

_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class ImportedNode:
    """One operation.

    Attributes:
        operator: A key of :data:`edgecnn.models.imported.operators.OPERATORS`.
        name: Name of its module, unique.
        inputs: Names of the tensors that it reads.
        outputs: Names of the tensors that it computes.
        attributes: Its settings.
        weights: Shapes of its parameters by their names in the module.
    """

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Value] = field(default_factory=dict)
    weights: dict[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportedGraph:
    """A network of one image input.

    Attributes:
        input: Name of the images, ``[N, C, H, W]``.
        outputs: Names of the tensors that it returns.
        nodes: In an order of execution.
    """

    input: str
    outputs: tuple[str, ...]
    nodes: tuple[ImportedNode, ...]

    def __post_init__(self) -> None:
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

    def to_json(self) -> dict[str, Any]:
        """Return the structure as plain data."""
        document: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return document

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ImportedGraph:
        """Rebuild a structure from :meth:`to_json`.

        Raises:
            InputError: The data is not such a structure.
        """
        try:
            return _adapter().validate_python(data)
        except ValidationError as error:
            raise InputError(f"spec.json does not describe an imported network: {reason(error)}") from error


@functools.cache
def _adapter() -> TypeAdapter[ImportedGraph]:
    return TypeAdapter(ImportedGraph)
