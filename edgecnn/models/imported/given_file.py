"""Execution of the user's ONNX file beside the network that was made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir
import torch

from edgecnn.models.imported.importer import read_image_model
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.onnx_file import open_session
from edgecnn.models.imported.onnx_graph import cut, name_of
from edgecnn.models.source import GivenFile, OperationResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from torch import nn

    from edgecnn.models.imported.graph import ImportedNode

    Values = npt.NDArray[np.float32]


class OnnxFile(GivenFile):
    """An ONNX file in ONNX Runtime without optimization.

    Args:
        file: The file.
        module: The network that was made of it; its graph names the tensors to compare.

    Raises:
        InputError: The file cannot be read, or ONNX Runtime rejects it.
    """

    runtime = "onnxruntime"

    def __init__(self, file: Path, module: nn.Module) -> None:
        if not isinstance(module, ImportedNetwork):
            raise TypeError(f"{type(module).__name__} was not made of an ONNX file")
        self._file, self._network = file, module
        self._model = read_image_model(file)
        self.outputs = module.graph.outputs
        self._session = open_session(cut(self._model, self.outputs), file)

    def run(self, image: Values) -> list[Values]:
        """Execute the file; see the base class."""
        (entrance,) = self._session.get_inputs()
        found = self._session.run(None, {entrance.name: image})
        return [np.asarray(value, np.float32) for value in found]

    def trace(self, image: Values) -> Iterator[OperationResult]:
        """Yield the results of every operation whose tensor the file has too; see the base class."""
        nodes = {name: node for node in self._network.graph.nodes for name in node.outputs}
        known = {name_of(value) for node in self._model.graph for value in node.outputs if _is_float(value)}
        names = [name for name in nodes if name in known]
        session = open_session(cut(self._model, names), self._file)
        theirs = session.run(names, {session.get_inputs()[0].name: image})
        ours = _values(self._network, image, names)
        for name, value in zip(names, theirs, strict=True):
            operation = f"{nodes[name].operator} {nodes[name].name}"
            yield OperationResult(operation, name, np.asarray(value, np.float32), ours[name])


def _is_float(value: ir.Value) -> bool:
    return value.dtype == ir.DataType.FLOAT


def _values(network: ImportedNetwork, image: Values, names: Sequence[str]) -> dict[str, Values]:
    """Return the results of the network's operations, by the names of the tensors."""
    wanted = set(names)
    found: dict[str, Values] = {}

    def keep(node: ImportedNode, result: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        results = (result,) if isinstance(result, torch.Tensor) else result
        for name, value in zip(node.outputs, results, strict=True):
            if name in wanted:
                found[name] = np.array(value.float().numpy())

    hooks = [
        network.get_submodule(node.name).register_forward_hook(
            lambda _module, _inputs, result, node=node: keep(node, result)
        )
        for node in network.graph.nodes
    ]
    try:
        with torch.inference_mode():
            network(torch.from_numpy(image))
    finally:
        for hook in hooks:
            hook.remove()
    return found
