"""Nodes that ONNX Runtime cannot compute in int8, or computes wrongly; they stay in float."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.models.imported.onnx_graph import constant

if TYPE_CHECKING:
    import onnx_ir as ir


def float_only(graph: ir.Graph) -> list[str]:
    """Return the names of the nodes of a float graph that must stay in float.

    * ``ConvTranspose`` with groups: the native quantizer takes the number of its output channels from weights
      that hold those of one group, and raises an error.
    * ``Clip`` between bounds of the same sign: the quantizer removes the node, because a grid clips too, but
      every grid holds zero.
    """
    return [node.name or "" for node in graph if _must_stay(node)]


def _must_stay(node: ir.Node) -> bool:
    match node.op_type:
        case "ConvTranspose":
            return node.attributes.get_int("group", 1) != 1
        case "Clip":
            low, high = (_bound(node, place) for place in (1, 2))
            return (low is not None and low > 0.0) or (high is not None and high < 0.0)
        case _:
            return False


def _bound(node: ir.Node, place: int) -> float | None:
    """Return a constant bound of a Clip; None if it has none."""
    value = node.inputs[place] if len(node.inputs) > place else None
    found = constant(value)
    return None if found is None else float(found.reshape(()))
