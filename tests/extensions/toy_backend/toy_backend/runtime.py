"""The runtime: it is imported in a worker, so it needs NumPy and the standard library only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.worker.runtime import Description, Options, Runtime, check_options, refused
from edgecnn.ondevice.tensor import Array, TensorInfo
from toy_backend.file import Network, read
from toy_backend.layers import run

if TYPE_CHECKING:
    from pathlib import Path


class ToyNumpy(Runtime):
    """A network in NumPy. Reference execution computes in float what shipping computes with integers."""

    def __init__(self, network: Network, options: Options) -> None:
        self._network, self._options = network, options

    @classmethod
    def open(cls, model: Path, options: Options) -> ToyNumpy:
        """Load ``model``; there are no options."""
        check_options("toy-numpy", options)
        network = read(model)
        runtime = cls(network, options)
        try:
            runtime.run([np.zeros(network.input_shape, np.float32)])
        except (ValueError, KeyError) as error:
            raise refused(model, "toy-numpy", error) from error
        return runtime

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference."""
        return [run(self._network, inputs[0], integer=self._options.execution == "shipping")]

    def describe(self) -> Description:
        """Say what executes the model, and its input and output."""
        return Description(
            runtime="toy-numpy",
            version=np.__version__,
            execution=self._options.execution,
            threads=1,
            providers=("numpy",),
            inputs=(TensorInfo("input", self._network.input_shape, "float32"),),
            outputs=(TensorInfo("output", self._network.output_shape, "float32"),),
        )
