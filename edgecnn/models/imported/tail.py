"""The part of a file behind its raw maps, executed alone on maps of noise.

Noise reaches every branch of a decode part, which the maps of a few photos may not, and the network itself
need not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_file import REFUSALS, open_session
from edgecnn.models.imported.onnx_graph import name_of, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[Any]

_MOST_NOISE = 3.0


class Tail:
    """The part of a file behind its raw maps.

    Args:
        model: The file.
        file: Its name in messages.
        maps: Names of the raw maps.
    """

    def __init__(self, model: ir.Model, file: Path, maps: Sequence[str]) -> None:
        self.shapes = {
            name_of(value): shape_of(value)
            for node in model.graph
            for value in node.outputs
            if name_of(value) in maps
        }
        outputs = [name_of(value) for value in model.graph.outputs if name_of(value) not in self.shapes]
        self._plain = [name_of(value) for value in model.graph.outputs if name_of(value) in self.shapes]
        self.suppresses = any(node.op_type == "NonMaxSuppression" for node in model.graph)
        self._session = None
        if outputs:
            part = ir.convenience.extract(model.graph, list(self.shapes), outputs)
            functions = [function.clone() for function in model.functions.values()]
            self._session = open_session(
                ir.Model(part, ir_version=model.ir_version, functions=functions), file
            )
            self._inputs = [item.name for item in self._session.get_inputs()]
        (image,) = [value for value in model.graph.inputs if not value.is_initializer()]
        height, width = shape_of(image)[2:]
        self.size = (height, width)
        self._file = file

    def noise(self) -> dict[str, Array]:
        """Return maps of normal noise, the same at every call."""
        random = np.random.default_rng(0)
        return {
            name: np.clip(random.normal(0, 1, shape), -_MOST_NOISE, _MOST_NOISE).astype(np.float32)
            for name, shape in self.shapes.items()
        }

    def answers(self, maps: Mapping[str, Array]) -> list[Array]:
        """Return the file's answers for raw maps.

        Raises:
            InputError: ONNX Runtime cannot execute this part of the file.
        """
        found = [maps[name] for name in self._plain]
        if self._session is not None:
            try:
                found += self._session.run(None, {name: maps[name] for name in self._inputs})
            except REFUSALS as error:
                raise InputError(f"{self._file}: its decode part cannot be executed") from error
        return found
