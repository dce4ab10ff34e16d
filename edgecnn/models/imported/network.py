"""An imported network as a torch module."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from torch import Tensor, nn

from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.models.imported.graph import ImportedGraph
from edgecnn.models.imported.operators import operator_of
from edgecnn.models.imported.settings import unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import JsonValue

    from edgecnn.models.imported.graph import ImportedNode


class ImportedNetwork(nn.Module):
    """A network that executes the operations of an imported graph one after another.

    Every operation is a submodule with its own name, so that algorithms, reports and checkpoints can name
    layers.

    Args:
        graph: The structure.

    Raises:
        InputError: An operation is unknown, or torch has no equivalent of its settings.
    """

    def __init__(self, graph: ImportedGraph) -> None:
        super().__init__()
        self.graph = graph
        for node in graph.nodes:
            if node.name in reserved_names():
                raise InputError(f"an operation of an imported network cannot be called {node.name!r}")
            self.add_module(node.name, _module(node))

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the output, or a tuple of several, for images ``[N, C, H, W]``."""
        values: dict[str, Tensor] = {self.graph.input: images}
        for node in self.graph.nodes:
            values.update(zip(node.outputs, self._results(node, values), strict=True))
        outputs = tuple(values[name] for name in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def steps(self, images: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yield the results of every operation, in the order of execution, for images ``[N, C, H, W]``."""
        values: dict[str, Tensor] = {self.graph.input: images}
        for node in self.graph.nodes:
            results = self._results(node, values)
            values.update(zip(node.outputs, results, strict=True))
            yield results

    def _results(self, node: ImportedNode, values: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        result = self.get_submodule(node.name)(*(values[name] for name in node.inputs))
        return (result,) if isinstance(result, Tensor) else result


@cache
def reserved_names() -> frozenset[str]:
    """Return the names that no operation may have: those of all that an imported network has by itself."""
    return frozenset(dir(ImportedNetwork(ImportedGraph.model_construct(input="", outputs=(), nodes=()))))


def build(arguments: Mapping[str, JsonValue]) -> ImportedNetwork:
    """Build the network that a spec's arguments describe; its weights are loaded later.

    Raises:
        InputError: The arguments do not describe an imported network.
    """
    if set(arguments) != {"graph"}:
        raise InputError(
            f"an imported network takes a graph, not {', '.join(sorted(arguments)) or 'nothing'}"
        )
    return ImportedNetwork(ImportedGraph.from_json(arguments["graph"], "the graph in spec.json")).eval()


def _module(node: ImportedNode) -> nn.Module:
    try:
        module = operator_of(node).make(node)
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
        raise unsupported(node, f"{type(error).__name__} {one_line(error)}") from error
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items() if name in node.weights}
    if shapes != node.weights:
        raise unsupported(node, f"its weights are {node.weights}, not {shapes}")
    return module
