"""The multiply-accumulates of an ONNX file and of an imported network, and a limit on them.

A file of a few megabytes can ask for days of work without any large tensor: by a wide kernel on a large map.
Like the sizes of tensors (:mod:`edgecnn.models.imported.memory`), the work is counted from shapes before
anything is executed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_graph import constant, shape_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx_ir as ir

MOST_MACS = 4 * 10**12
"""Most multiply-accumulates for one image. Classifiers have up to 10^11, detectors for images of 1280 x 1280
and networks that label every pixel up to 10^12."""

_FLOAT = {
    "Conv": "Conv",
    "FusedConv": "Conv",
    "ConvTranspose": "ConvTranspose",
    "Gemm": "Gemm",
    "FusedGemm": "Gemm",
    "MatMul": "MatMul",
    "FusedMatMul": "MatMul",
    "TransposeMatMul": "MatMul",
}
"""Plain operator of every float operation that multiplies; its weights are its second input."""

INTEGER = {
    "QLinearConv": ("Conv", 3),
    "ConvInteger": ("Conv", 1),
    "QLinearMatMul": ("MatMul", 3),
    "QGemm": ("Gemm", 3),
    "MatMulInteger": ("MatMul", 1),
    "MatMulIntegerToFloat": ("MatMul", 1),
    "DynamicQuantizeMatMul": ("MatMul", 1),
}
"""Plain operator and index of the weights of every integer operation that multiplies."""

_POOLS = frozenset({"AveragePool", "MaxPool", "LpPool", "QLinearAveragePool"})
_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_REPEATED = frozenset({"Loop", "Scan"})
_MULTIPLIES_AND_ADDS = 2
_TERA = 10**12


def multiplying(operator: str) -> tuple[str, int] | None:
    """Return the plain operator and the index of the weights of an operation that multiplies; None else."""
    plain = _FLOAT.get(operator)
    return INTEGER.get(operator) if plain is None else (plain, 1)


def macs_of(operator: str, source: Sequence[int], weights: Sequence[int], result: Sequence[int]) -> int:
    """Return the multiply-accumulates of a layer with these shapes.

    Args:
        operator: ``Conv``, ``ConvTranspose``, ``Gemm`` or ``MatMul``.
        source: Shape of its input.
        weights: Shape of its second input.
        result: Shape of its output.
    """
    match operator:
        case "Conv":  # weights [out, in / groups, height, width]
            return math.prod(result) * math.prod(weights[1:])
        case "ConvTranspose":  # weights [in, out / groups, height, width]: all are multiplied with each value
            return math.prod(source) * math.prod(weights[1:])
        case _:  # Gemm and MatMul: a sum over the inner dimension for every output value
            return math.prod(result) * (source[-1] if source else 0)


class Work:
    """A sum of multiply-accumulates that is limited."""

    def __init__(self) -> None:
        self._total = 0

    def add_node(self, node: ir.Node, operation: str) -> None:
        """Add those of an operation of a file; an open or unknown size counts as one.

        Raises:
            InputError: The sum exceeds the limit.
        """
        result = _closed(node.outputs[0]) if node.outputs else []
        layer = multiplying(node.op_type)
        if layer is not None and len(node.inputs) > layer[1]:
            source, weights = _closed(node.inputs[0]), _closed(node.inputs[layer[1]])
            if node.attributes.get_int("transA", 0):
                source.reverse()
            self._add(macs_of(layer[0], source, weights, result), operation)
        elif node.op_type in _POOLS:
            self._add(math.prod(result) * math.prod(node.attributes.get_ints("kernel_shape", ())), operation)
        elif node.op_type == "Einsum":
            equation = node.attributes.get_string("equation", "")
            self._add(
                math.prod(result) * _summed(equation, [_closed(value) for value in node.inputs]), operation
            )
        elif node.op_type in _RECURRENT and len(node.inputs) > 2:
            steps = math.prod(_closed(node.inputs[0])[:-1])
            self._add(steps * sum(math.prod(_closed(value)) for value in node.inputs[1:3]), operation)
        elif node.op_type in _REPEATED:
            self._add((_times(node) - 1) * self._once(node), operation)

    def _once(self, node: ir.Node) -> int:
        """Return the work of the body of a loop, whose operations count as one each besides."""
        inside = Work()
        body = node.attributes.get("body")
        nodes = [] if body is None else list(body.as_graph().all_nodes())
        for each in nodes:
            inside.add_node(each, f"{each.op_type} in {node.op_type}")
        return inside._total + len(nodes) + 1

    def add_call(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], result: object, operation: str
    ) -> None:
        """Add those of a call of one of torch's functions with this result.

        Raises:
            InputError: The sum exceeds the limit.
        """
        from torch import Tensor, ops
        from torch.utils.flop_counter import flop_registry

        packet = func.overloadpacket
        if packet in flop_registry:
            count = flop_registry[packet](*args, **kwargs, out_val=result)
            self._add(count // _MULTIPLIES_AND_ADDS, operation)
        elif packet in (
            ops.aten.avg_pool2d,
            ops.aten.avg_pool3d,
            ops.aten.max_pool2d_with_indices,
            ops.aten.max_pool3d_with_indices,
        ):
            values = result if isinstance(result, Tensor) else result[0]  # type: ignore[index]
            self._add(values.numel() * math.prod(args[1]), operation)

    def _add(self, macs: int, operation: str) -> None:
        self._total += macs
        if self._total > MOST_MACS:
            raise InputError(
                f"{operation} brings the multiply-accumulates for one image to "
                f"{self._total / _TERA:.3g} * 10^12; "
                f"the limit is {MOST_MACS // _TERA} * 10^12",
                hint="export the network for smaller images, or cut it before the operation with --outputs",
            )


def _summed(equation: str, shapes: Sequence[Sequence[int]]) -> int:
    """Return the product of the sizes that an Einsum sums over.

    >>> _summed("ij,jk->ik", [[2, 3], [3, 4]]), _summed("bij, bjk", [[5, 2, 3], [5, 3, 4]])
    (3, 15)
    """
    given, arrow, made = equation.replace(" ", "").partition("->")
    letters = [letter for letter in given if letter.isalpha()]
    if not arrow:
        made = "".join(letter for letter in letters if letters.count(letter) == 1)
    sizes: dict[str, int] = {}
    for term, shape in zip(given.split(","), shapes, strict=False):
        front, _, back = term.partition("...")
        sizes |= dict(zip(front, shape, strict=False))
        sizes |= dict(zip(reversed(back), reversed(shape), strict=False))
    return math.prod(size for letter, size in sizes.items() if letter not in made)


def _times(node: ir.Node) -> int:
    """Return how often the body of a loop runs; 1 if the file does not say it."""
    if node.op_type == "Loop":
        limit = constant(node.inputs[0]) if node.inputs else None
        return 1 if limit is None or limit.size != 1 else max(1, int(limit.reshape(-1)[0]))
    rows = node.attributes.get_int("num_scan_inputs", 1)
    return max([1, *(_closed(value)[0] for value in node.inputs[-rows:] if _closed(value))])


def _closed(value: ir.Value | None) -> list[int]:
    return [max(1, size) for size in shape_of(value)]
