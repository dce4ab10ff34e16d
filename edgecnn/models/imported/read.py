"""From an ONNX graph to an imported network: its structure as data, and its weights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch

from edgecnn.core.errors import InputError
from edgecnn.models.imported.graph import ImportedGraph, Node
from edgecnn.models.imported.operators import operator_of, unsupported
from edgecnn.models.imported.wiring import Wiring

if TYPE_CHECKING:
    import numpy.typing as npt
    from torch import Tensor

    from edgecnn.models.imported.graph import Value

    Array = npt.NDArray[Any]

_DOMAINS = ("", "ai.onnx")
_MOST_VALUES = 64
"""Of a constant that configures an operation; a longer one is a weight."""


def read_graph(model: onnx.ModelProto) -> tuple[ImportedGraph, dict[str, Tensor]]:
    """Read a folded model of one input.

    Returns:
        The structure, and the weights by their names in the torch module.

    Raises:
        InputError: An operation is unknown; the message names it and its node.
    """
    return _Reader(model).read()


class _Reader:
    """Reads node by node; constants between operations become nodes of their own."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._wiring = Wiring.of(model.graph)
        self._nodes: list[Node] = []
        self._state: dict[str, Tensor] = {}
        self._names: set[str] = set()
        self._made: set[str] = set()

    def read(self) -> tuple[ImportedGraph, dict[str, Tensor]]:
        (entrance,) = [value.name for value in self._graph.input if value.name not in self._wiring.constants]
        for node in self._graph.node:
            if node.op_type != "Constant":
                self._read(node)
        outputs = tuple(value.name for value in self._graph.output)
        nodes = without_unread(join_activations(self._nodes), outputs)
        kept = {node.name for node in nodes}
        state = {key: value for key, value in self._state.items() if key.partition(".")[0] in kept}
        return ImportedGraph(entrance, outputs, tuple(nodes)), state

    def _read(self, source: onnx.NodeProto) -> None:
        if source.domain not in _DOMAINS:
            raise InputError(
                f"operation {source.name} is {source.domain}.{source.op_type}, which is not ONNX's own"
            )
        attributes = {item.name: _attribute(source, item) for item in source.attribute}
        node = Node(source.op_type, self._name(source), (), tuple(source.output), attributes)
        operator = operator_of(node)
        inputs: list[str] = []
        weights: dict[str, Array] = {}
        for place, name in enumerate(source.input):
            as_value = operator.values[place] if place < len(operator.values) else None
            as_weight = operator.weights[place] if place < len(operator.weights) else None
            if not name:
                continue
            if as_value is not None:
                attributes[as_value] = self._configuration(node, as_value, name)
            elif as_weight is not None:
                weights[as_weight] = self._weight(node, name)
            else:
                inputs.append(self._constant(name) if name in self._wiring.constants else name)
        self._settle(source, attributes)
        if source.op_type in ("Gemm", "MatMul"):
            _transpose_weight(attributes, weights)
        self._add(Node(node.operator, node.name, tuple(inputs), node.outputs, attributes), weights)

    def _add(self, node: Node, weights: dict[str, Array]) -> None:
        shapes = {key: tuple(value.shape) for key, value in weights.items()}
        self._nodes.append(Node(node.operator, node.name, node.inputs, node.outputs, node.attributes, shapes))
        for key, value in weights.items():
            self._state[f"{node.name}.{key}"] = torch.from_numpy(np.array(value, np.float32))
        if node.operator == "BatchNormalization":
            self._state[f"{node.name}.num_batches_tracked"] = torch.tensor(0)

    def _settle(self, source: onnx.NodeProto, attributes: dict[str, Value]) -> None:
        """Turn what a node leaves to the shapes of its tensors into numbers."""
        into, out = (self._wiring.shapes.get(names[0], ()) for names in (source.input, source.output))
        if source.op_type == "Resize" and attributes.pop("sizes", []):
            attributes["scales"] = [made / given for given, made in zip(into, out, strict=True)]
        if attributes.get("auto_pad") in ("SAME_UPPER", "SAME_LOWER"):
            attributes["pads"] = _same_pads(source, attributes, into, out, self._wiring)
            del attributes["auto_pad"]

    def _configuration(self, node: Node, key: str, name: str) -> Value:
        value = self._wiring.constants.get(name)
        if value is None or value.size > _MOST_VALUES:
            raise unsupported(node, f"its {key} is computed, not constant")
        listed: Value = value.ravel().tolist()
        return listed

    def _weight(self, node: Node, name: str) -> Array:
        value = self._wiring.constants.get(name)
        if value is None:
            raise unsupported(node, "its weights are computed, not constant")
        return value

    def _constant(self, name: str) -> str:
        """Add the node of a constant tensor, once; return the tensor's name."""
        if name not in self._made:
            self._made.add(name)
            value = self._wiring.constants[name]
            self._add(Node("Constant", self._unique(f"constant_{name}"), (), (name,)), {"value": value})
        return name

    def _name(self, node: onnx.NodeProto) -> str:
        return self._unique(node.name or f"{node.op_type}_{node.output[0]}")

    def _unique(self, wanted: str) -> str:
        plain = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_")
        plain = plain if plain[:1].isalpha() else f"node_{plain}"
        name, number = plain, 1
        while name in self._names or name in _RESERVED:
            name, number = f"{plain}_{number}", number + 1
        self._names.add(name)
        return name


_RESERVED = frozenset(dir(torch.nn.Module()))


def join_activations(nodes: list[Node]) -> list[Node]:
    """Turn ``x * sigmoid(x)`` into SiLU and ``x * hardsigmoid(x)`` into hard-swish.

    Both are one operation in torch and in runtimes; converters and quantizers know them as such.
    """
    makers = {name: node for node in nodes for name in node.outputs}
    joined: list[Node] = []
    for node in nodes:
        gates = [makers[name] for name in node.inputs if name in makers] if node.operator == "Mul" else []
        gate = next((item for item in gates if _gates(item, node)), None)
        if gate is None:
            joined.append(node)
        else:
            joined.append(Node(_JOINED[gate.operator], node.name, gate.inputs, node.outputs))
    return joined


_JOINED = {"Sigmoid": "Silu", "HardSigmoid": "HardSwish"}


def _gates(gate: Node, product: Node) -> bool:
    """Whether a node is the gate in a product of a tensor with a gate computed from it."""
    if gate.operator == "HardSigmoid":
        alpha, beta = gate.attributes.get("alpha", 0.2), gate.attributes.get("beta", 0.5)
        if beta != 0.5 or not isinstance(alpha, float) or abs(alpha - 1 / 6) > 1e-6:
            return False
    return gate.operator in _JOINED and sorted(product.inputs) == sorted((*gate.inputs, *gate.outputs))


def without_unread(nodes: list[Node], outputs: tuple[str, ...]) -> list[Node]:
    """Leave out the nodes that no output is computed from."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            wanted |= set(node.inputs)
            kept.append(node)
    return kept[::-1]


def _attribute(node: onnx.NodeProto, item: onnx.AttributeProto) -> Value:
    value = onnx.helper.get_attribute_value(item)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, int | float):
        return value
    if isinstance(value, list) and all(isinstance(number, int | float) for number in value):
        return value
    raise InputError(f"{node.op_type} {node.name} cannot be imported: its {item.name} is no number")


def _transpose_weight(attributes: dict[str, Value], weights: dict[str, Array]) -> None:
    """Lay a matrix out as torch has it, ``[O, I]``."""
    if not attributes.pop("transB", 0):
        weights["weight"] = np.swapaxes(weights["weight"], -1, -2)
    if "bias" in weights:
        weights["bias"] = weights["bias"].ravel()


def _same_pads(
    node: onnx.NodeProto,
    attributes: dict[str, Value],
    into: tuple[int, ...],
    out: tuple[int, ...],
    wiring: Wiring,
) -> list[int]:
    """Return the padding, top, left, bottom and right, that keeps ``ceil(size / stride)`` places."""
    kernel: Any = attributes.get("kernel_shape") or list(wiring.constants[node.input[1]].shape[2:])
    strides: Any = attributes.get("strides", [1, 1])
    dilations: Any = attributes.get("dilations", [1, 1])
    begin, end = [], []
    sizes = zip(into[2:], out[2:], kernel, strides, dilations, strict=True)
    for given, made, extent, stride, dilation in sizes:
        total = max(0, int((made - 1) * stride + (extent - 1) * dilation + 1 - given))
        less, more = total // 2, total - total // 2
        upper = attributes["auto_pad"] == "SAME_UPPER"
        begin.append(less if upper else more)
        end.append(more if upper else less)
    return [*begin, *end]
