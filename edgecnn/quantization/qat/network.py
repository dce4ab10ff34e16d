"""A captured graph as a module for the training loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgecnn.quantization.operators import NORMALIZATIONS, is_operator
from edgecnn.quantization.qat.fake_quantize import ActivationFakeQuantize

if TYPE_CHECKING:
    from torch import fx

_TRAINING_ARGUMENT = 5
"""Position of ``training`` among the arguments of ``aten.batch_norm``; momentum and eps follow it."""


class GraphNetwork(nn.Module):
    """A graph of ATen operations that switches between training and evaluation.

    torchao's own switch rewrites every batch norm with default eps and momentum; this class only changes the
    argument ``training``.

    Args:
        graph: Takes images, returns a tuple of outputs; from
            :func:`edgecnn.quantization.qat.prepare.prepare`.

    Attributes:
        graph: The graph.
        statistics_frozen: Whether batch norms keep their running statistics while training.
        ranges_final: Whether the final ranges were estimated, uint8 ``[]``; part of the state.
    """

    ranges_final: Tensor

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__()
        self.graph = graph
        self.statistics_frozen = False
        self.register_buffer("ranges_final", torch.zeros((), dtype=torch.uint8))
        self.train(False)

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output for a batch ``[N, C, H, W]``, or a tuple of several outputs."""
        outputs: tuple[Tensor, ...] = self.graph(images)
        return outputs[0] if len(outputs) == 1 else outputs

    def train(self, mode: bool = True) -> GraphNetwork:
        """Let batch norms use the batch's statistics unless they are frozen."""
        self.training = mode
        self._switch_batch_norms(training=mode and not self.statistics_frozen)
        return self

    def freeze_statistics(self) -> None:
        """Let batch norms use their running statistics from now on, as in the exported file."""
        if not self.statistics_frozen:
            self.statistics_frozen = True
            self._switch_batch_norms(training=False)

    def fake_quantizes(self) -> dict[str, ActivationFakeQuantize]:
        """Return the fake quantization of each tensor, by node name; tensors with a shared range share it."""
        modules = dict(self.graph.named_modules())
        return {
            node.name: found
            for node in self.graph.graph.nodes
            if node.op == "call_module"
            and isinstance(found := modules[str(node.target)], ActivationFakeQuantize)
        }

    def outputs(self) -> tuple[str, ...]:
        """Return the names of the nodes that hold the network's outputs."""
        (node,) = self.graph.graph.find_nodes(op="output")
        return tuple(item.name for item in node.all_input_nodes)

    def parameters_and_buffers(self, names: set[str]) -> dict[str, Tensor]:
        """Return the state of the captured network, by its own names.

        Args:
            names: Keys of its state dictionary; batch counters, which a graph does not need, are left out.
        """
        return {name: value for name, value in self.graph.state_dict().items() if name in names}

    def _switch_batch_norms(self, *, training: bool) -> None:
        norms = [node for node in self.graph.graph.nodes if is_operator(node, NORMALIZATIONS)]
        if any(node.args[_TRAINING_ARGUMENT] is not training for node in norms):
            for node in norms:
                node.update_arg(_TRAINING_ARGUMENT, training)
            self.graph.recompile()
