"""Execution of the user's file in TensorFlow beside the network that was made of it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import numpy as np
import torch

from edgecnn.models.imported.given_file import network_values
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.source import GivenFile, OperationResult
from edgecnn.models.tensorflow.client import TensorFlow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from torch import nn

    from edgecnn.models.tensorflow.kinds import Kind

    Values = npt.NDArray[np.float32]

_TO_CHANNELS_FIRST = {4: (0, 3, 1, 2), 3: (0, 2, 1)}


class TensorFlowFile(GivenFile):
    """A file of TensorFlow's tools in TensorFlow or TensorFlow Lite.

    Args:
        path: The file or folder.
        kind: Its kind.
        signature: Name of the function of a SavedModel.
        module: The network that was made of it; its graph names the tensors to compare.

    Raises:
        InputError: TensorFlow rejects the file.
        MissingDependency: The toolchain is not installed.
    """

    def __init__(self, path: Path, kind: Kind, signature: str | None, module: nn.Module) -> None:
        if not isinstance(module, ImportedNetwork):
            raise TypeError(f"{type(module).__name__} was not made of an imported file")
        self.runtime = "TensorFlow Lite" if kind == "tflite" else "TensorFlow"
        self._network, self.outputs = module, module.graph.outputs
        self._tensorflow = TensorFlow()
        weakref.finalize(self, self._tensorflow.close)
        self._opened = self._tensorflow.open(path, kind, signature)

    def run(self, image: Values) -> list[Values]:
        """Execute the file; see the base class."""
        whole = self.outputs == self._opened.outputs
        found = self._tensorflow.execute(image, () if whole else self.outputs)
        with torch.inference_mode():
            ours = self._network(torch.from_numpy(image))
        parts = (ours,) if isinstance(ours, torch.Tensor) else ours
        return [
            _turned(found[name], part.float().numpy()) for name, part in zip(self.outputs, parts, strict=True)
        ]

    def trace(self, image: Values) -> Iterator[OperationResult]:
        """Yield the results of every operation whose tensor TensorFlow has too; see the base class."""
        nodes = {name: node for node in self._network.graph.nodes for name in node.outputs}
        found = self._tensorflow.execute(image, tuple(nodes))
        ours = network_values(self._network, image, tuple(found))
        for name, node in nodes.items():
            if name in found and name in ours:
                theirs = _turned(found[name], ours[name])
                yield OperationResult(f"{node.operator} {node.name}", name, theirs, ours[name])


def _turned(theirs: Values, ours: Values) -> Values:
    """Return a tensor of the file with channels first if our tensor has them first.

    Where both layouts have the same shape, the nearer one is taken: a wrong network is near to neither.
    """
    order = _TO_CHANNELS_FIRST.get(theirs.ndim)
    if order is None or theirs.ndim != ours.ndim:
        return theirs
    turned = theirs.transpose(order)
    if turned.shape != ours.shape:
        return theirs
    if theirs.shape != ours.shape:
        return turned
    return min(theirs, turned, key=lambda values: float(np.abs(values - ours).sum()))
