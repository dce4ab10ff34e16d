"""The rule of ONNX that a name is defined once, checked on a file's protobuf message.

Libraries differ on a file that breaks it: of two constants of one name, ONNX Runtime takes the first and
onnx_ir the last. The rule is that of https://onnx.ai/onnx/repo-docs/IR.html#names-within-a-graph; a default
value of an input has the name of that input.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import onnx

_SHOWN = 80
_HINT = "export the network again; a program that changed the file broke it"


def check_definitions(model: onnx.ModelProto, file: Path) -> None:
    """Check that every name in a file is defined once, and every attribute of a node given once.

    A graph inside a node must not define a name of the graphs around it either.

    Args:
        model: Content of the file.
        file: Its name in messages.

    Raises:
        InputError: A name is defined twice; the message names it.
    """
    found = _twice((f"{item.domain}::{item.name}::{item.overload}" for item in model.functions), "function")
    for function in model.functions:
        found = found or _twice([*function.input, *_computed(function.node)], "tensor")
        found = found or _twice_in_nodes(function.node, frozenset(function.input))
    found = found or _twice_in_graph(model.graph, frozenset())
    if found:
        raise InputError(f"{file} is refused: it defines the {found} twice", hint=_HINT)


def graphs_in(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs that are attributes of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _twice_in_graph(graph: onnx.GraphProto, around: frozenset[str]) -> str:
    """Return what a graph defines twice, also with the names of the graphs around it; empty if nothing."""
    inputs, constants = [item.name for item in graph.input], [item.name for item in graph.initializer]
    computed = _computed(graph.node)
    found = _twice(inputs, "input") or _twice(constants, "constant tensor")
    own = {*inputs, *constants}
    found = found or _twice([*own, *computed, *(around & own.union(computed))], "tensor")
    return found or _twice_in_nodes(graph.node, around.union(own))


def _twice_in_nodes(nodes: Sequence[onnx.NodeProto], around: frozenset[str]) -> str:
    names = around.union(_computed(nodes))
    for node in nodes:
        found = _twice((item.name for item in node.attribute), f"attribute of {_shown(node.op_type)},")
        for graph in graphs_in(node):  # a graph may name its results as its node does
            found = found or _twice_in_graph(graph, names.difference(node.output))
        if found:
            return found
    return ""


def _computed(nodes: Iterable[onnx.NodeProto]) -> list[str]:
    """Return the names of all results; an omitted result has none."""
    return [name for node in nodes for name in node.output if name]


def _twice(names: Iterable[str], kind: str) -> str:
    """Return kind and name of the first name that occurs more than once; empty if none does."""
    return next((f"{kind} {_shown(name)}" for name, count in Counter(names).items() if count > 1), "")


def _shown(name: str) -> str:
    """Return a name for a message, shortened; one that is not UTF-8 is bytes."""
    return repr(name[:_SHOWN])
