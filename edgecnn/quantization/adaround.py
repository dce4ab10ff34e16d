"""AdaRound: round every weight up or down so that the layer's output keeps its values.

Nagel et al. 2020, "Up or Down? Adaptive Rounding for Post-Training Quantization" (arXiv:2004.10568), in its
asymmetric form: a layer's inputs are those of the quantized network, its targets those of the float network.
:func:`edgecnn.quantization.layer_by_layer.walk` visits the layers; :mod:`edgecnn.quantization.rounding`
rounds one layer on samples of its output (:mod:`edgecnn.quantization.layer_samples`).

Weights end exactly on the grid of the scheme. With the scheme ``symmetric`` the largest weight of a channel
stays at 127, so that a quantizer that uses this rule computes the same scale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.core.doing import say
from edgecnn.quantization.grids import weight_scales
from edgecnn.quantization.layer_samples import sample
from edgecnn.quantization.rounding import RoundingProblem, optimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from edgecnn.quantization.graph import FusedLayer
    from edgecnn.quantization.layer_by_layer import Turn
    from edgecnn.quantization.rounding import Rounded
    from edgecnn.quantization.simulate import Simulator

_SAMPLES = 6000


class AdaRound:
    """Chooser of the weights of each layer, for :func:`edgecnn.quantization.layer_by_layer.walk`.

    Args:
        simulator: Its state holds the float weights, its kernels define the grid.
        iterations: Steps of Adam for each layer.
        seed: Seed of the samples and batches; the same seed gives the same bits.
        progress: Called with the number of layers done.

    Attributes:
        results: Result of each layer, by name.
        scales: Scale of every output channel, float32 ``[O]``, by layer name.
    """

    def __init__(
        self,
        simulator: Simulator,
        *,
        iterations: int,
        seed: int,
        progress: Callable[[int], None],
    ) -> None:
        self.results: dict[str, Rounded] = {}
        self.scales: dict[str, Tensor] = {}
        self._simulator, self._iterations, self._progress = simulator, iterations, progress
        self._random = torch.Generator().manual_seed(seed)

    def __call__(self, turn: Turn) -> Tensor:
        """Return the layer's weights, rounded up or down to grid points."""
        layer, simulator = turn.layer, self._simulator
        say(f"rounding the weights of layer {layer.name}")
        weight = simulator.state[simulator.placeholder(layer.weight)]
        depthwise = layer.kind == "depthwise"
        scales = weight_scales(weight.numpy(), simulator.kernels.weights, depthwise=depthwise, free=True)
        scale = torch.from_numpy(scales)[:, None]
        samples = sample(turn, weight, _SAMPLES, self._random)
        own, total = self._biases(layer)
        problem = RoundingProblem(
            inputs=samples.inputs,
            targets=samples.targets - _by_group(own, layer.groups),
            steps=(weight.flatten(1) / scale).reshape(layer.groups, -1, weight[0].numel()),
            scale=scale.reshape(layer.groups, -1, 1),
            bias=_by_group(total, layer.groups),
            activation=layer.activation,
        )
        levels, self.results[layer.name] = optimize(problem, self._iterations, self._random)
        self.scales[layer.name] = scale.flatten()
        self._progress(len(self.results))
        return (levels.reshape(len(weight), -1) * scale).reshape(weight.shape)

    def _biases(self, layer: FusedLayer) -> tuple[Tensor, Tensor]:
        """Return the layer's own bias and the bias of its sums before the activation, each ``[O]``."""
        state, norm = self._simulator.state, layer.batch_norm
        outputs = len(state[self._simulator.placeholder(layer.weight)])

        def value(key: str | None) -> Tensor:
            return torch.zeros(outputs) if key is None else state[self._simulator.placeholder(key)]

        own = value(layer.bias)
        return own, own if norm is None else own + value(norm.shift) - value(norm.mean)


def _by_group(bias: Tensor, groups: int) -> Tensor:
    return bias.reshape(groups, 1, -1)
