"""Conversion of an ONNX graph into an imported network: its structure as data, and its weights."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx_ir as ir
import torch
from onnx_ir.passes.common import RemoveUnusedNodesPass

from edgecnn.core.errors import InputError
from edgecnn.models.imported.foreign import check_flow
from edgecnn.models.imported.form import Form
from edgecnn.models.imported.forms import settle
from edgecnn.models.imported.graph import ImportedGraph, ImportedNode
from edgecnn.models.imported.group_norms import JoinGroupNorms
from edgecnn.models.imported.network import reserved_names
from edgecnn.models.imported.onnx_graph import constant, maker, name_of, shape_of
from edgecnn.models.imported.operators import Operator, operator_of
from edgecnn.models.imported.settings import unsupported
from edgecnn.models.imported.space_to_depth import MergeSpaceToDepth

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor

    from edgecnn.models.imported.graph import Value

    Array = npt.NDArray[Any]

_MATRIX = 2
_TYPES = {
    "float32": ir.DataType.FLOAT,
    "int32": ir.DataType.INT32,
    "int64": ir.DataType.INT64,
    "bool": ir.DataType.BOOL,
}
_MOST_VALUES = 64
"""Largest size of a constant that is a setting; a larger one is a weight."""


def read_graph(model: ir.Model) -> tuple[ImportedGraph, dict[str, Tensor]]:
    """Read a folded model of one input after rewriting it into operations of torch and the runtimes.

    Returns:
        The structure, and the weights by their names in the torch module.

    Raises:
        InputError: An operation or one of its settings is unknown; the message names it and its node.
    """
    check_flow(model.graph)
    for node in model.graph:
        if node.domain:
            raise InputError(
                f"operation {node.name} is {node.domain}.{node.op_type}, which is not ONNX's own",
                hint="cut the network before it with --outputs",
            )
    rewritten = ir.passes.Sequential(
        MergeSpaceToDepth(), JoinActivations(), JoinGroupNorms(), RemoveUnusedNodesPass()
    )(model)
    return _Reader(rewritten.model.graph).read()


class _Reader:
    """Reader of a graph, node by node; constants between operations become nodes."""

    def __init__(self, graph: ir.Graph) -> None:
        self._graph = graph
        self._opset = graph.opset_imports[""]
        self._nodes: list[ImportedNode] = []
        self._state: dict[str, Tensor] = {}
        self._names: set[str] = set()
        self._made: set[str] = set()

    def read(self) -> tuple[ImportedGraph, dict[str, Tensor]]:
        (entrance,) = [name_of(value) for value in self._graph.inputs if not value.is_initializer()]
        for node in self._graph:
            if node.op_type != "Constant":
                self._read(node)
        outputs = tuple(map(name_of, self._graph.outputs))
        return ImportedGraph(input=entrance, outputs=outputs, nodes=tuple(self._nodes)), self._state

    def _read(self, source: ir.Node) -> None:
        node = ImportedNode(
            operator=source.op_type,
            name=self._name(source),
            inputs=(),
            outputs=tuple(map(name_of, source.outputs)),
            attributes={name: _attribute(source, item) for name, item in source.attributes.items()},
        )
        operator = operator_of(node)
        unknown = node.attributes.keys() - set(operator.settings)
        if unknown:
            raise unsupported(node, f"its setting {min(unknown)} is not known")
        inputs: list[str] = []
        weights: dict[str, Array] = {}
        names = () if _multiplies_tensors(source) else operator.weights
        for place, value in enumerate(source.inputs):
            as_value = operator.values[place] if place < len(operator.values) else None
            as_weight = names[place] if place < len(names) else None
            if value is None:
                continue
            if as_value is not None and not _is_tensor(operator, source, value):
                node.attributes[as_value] = _configuration(node, as_value, value)
            elif as_weight is not None:
                weights[as_weight] = _weight(node, value)
            else:
                inputs.append(self._input(node, value, operator.types))
        settle(Form(node, source, self._opset, weights))
        outputs = node.outputs[: _results(node, source, operator)]
        self._add(node.model_copy(update={"inputs": tuple(inputs), "outputs": outputs}), weights)

    def _add(self, node: ImportedNode, weights: dict[str, Array]) -> None:
        shapes = {key: tuple(value.shape) for key, value in weights.items()}
        self._nodes.append(node.model_copy(update={"weights": shapes}))
        for key, value in weights.items():
            self._state[f"{node.name}.{key}"] = torch.from_numpy(np.array(value))
        if node.operator == "BatchNormalization":
            self._state[f"{node.name}.num_batches_tracked"] = torch.tensor(0)

    def _input(self, reader: ImportedNode, value: ir.Value, types: Sequence[str]) -> str:
        """Return the name of a tensor that a node reads; a constant gets a node of its own, once."""
        _check_type(reader, value, types)
        name, array = name_of(value), constant(value)
        if array is not None and name not in self._made:
            self._made.add(name)
            unique = self._unique(f"constant_{name}")
            kind: dict[str, Value] = {} if array.dtype == np.float32 else {"type": array.dtype.name}
            node = ImportedNode(operator="Constant", name=unique, inputs=(), outputs=(name,), attributes=kind)
            self._add(node, {"value": array})
        return name

    def _name(self, node: ir.Node) -> str:
        return self._unique(_plain_name(node))

    def _unique(self, wanted: str) -> str:
        plain = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_")
        plain = plain if plain[:1].isalpha() else f"node_{plain}"
        name, number = plain, 1
        while name in self._names or name in reserved_names():
            name, number = f"{plain}_{number}", number + 1
        self._names.add(name)
        return name


def _plain_name(node: ir.Node) -> str:
    """Return a node's name; without one, a name made of its operation and result."""
    return node.name or f"{node.op_type}_{name_of(node.outputs[0])}"


class JoinActivations(ir.passes.InPlacePass):
    """Turn ``x * sigmoid(x)`` into SiLU and ``x * hardsigmoid(x)`` into hard-swish.

    Both are single operations in torch and in runtimes; converters and quantizers recognize them as such.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph; gates without readers are left in it."""
        products = [node for node in model.graph if node.op_type == "Mul"]
        found = [(product, gate) for product in products if (gate := _gate(product))]
        for product, gate in found:
            joined = ir.node(_JOINED[gate.op_type], gate.inputs, name=_plain_name(product))
            ir.convenience.replace_nodes_and_values(
                model.graph, product, [product], [joined], product.outputs, joined.outputs
            )
        return ir.passes.PassResult(model, modified=bool(found))


_JOINED = {"Sigmoid": "Silu", "HardSigmoid": "HardSwish"}


def _gate(product: ir.Node) -> ir.Node | None:
    """Return the gate in a product of a tensor and a gate computed from it; None if there is none."""
    for value in product.inputs:
        gate = maker(value, *_JOINED)
        if gate is None or Counter(product.inputs) != Counter((*gate.inputs, *gate.outputs)):
            continue
        alpha, beta = gate.attributes.get_float("alpha", 0.2), gate.attributes.get_float("beta", 0.5)
        if gate.op_type == "Sigmoid" or (beta == 0.5 and abs(alpha - 1 / 6) <= 1e-6):
            return gate
    return None


def _multiplies_tensors(source: ir.Node) -> bool:
    """Return whether a node is a MatMul that is not one of a tensor with a matrix of weights."""
    if source.op_type != "MatMul":
        return False
    weight = constant(source.inputs[1])
    return weight is None or weight.ndim != _MATRIX or constant(source.inputs[0]) is not None


def _results(node: ImportedNode, source: ir.Node, operator: Operator) -> int | None:
    """Return how many of a node's outputs are computed, after checking that nothing reads the others."""
    for value in source.outputs if operator.results is None else source.outputs[: operator.results]:
        if name_of(value):
            _check_type(node, value, operator.types)
    if operator.results is not None:
        for value in source.outputs[operator.results :]:
            if value.uses() or value.is_graph_output():
                raise unsupported(node, f"its output {name_of(value)} is read")
    return operator.results


def _check_type(node: ImportedNode, value: ir.Value, types: Sequence[str]) -> None:
    """Refuse a tensor of a type for which torch would compute something else than ONNX."""
    tensor = value.const_value
    kind = value.dtype if tensor is None else tensor.dtype
    if kind not in [_TYPES[name] for name in types]:
        what = "numbers of an unknown type" if kind is None else str(kind)
        raise unsupported(node, f"{name_of(value)} holds {what}, not {' or '.join(types)}")


def _is_tensor(operator: Operator, source: ir.Node, value: ir.Value) -> bool:
    """Return whether an input that may configure an operator is a tensor like the others."""
    if operator.few is None:
        return False
    array = constant(value)
    most = min(1, len(shape_of(source.inputs[0])))  # one with more axes gives them to the result
    return array is None or array.ndim > most or not 1 <= array.size <= operator.few


def _configuration(node: ImportedNode, key: str, value: ir.Value) -> Value:
    array = constant(value)
    if array is None or array.size > _MOST_VALUES:
        raise unsupported(node, f"its {key} is computed, but must be constant")
    listed: Value = array.ravel().tolist()
    return listed


def _weight(node: ImportedNode, value: ir.Value) -> Array:
    array = constant(value)
    if array is None:
        raise unsupported(node, "its weights are computed, but must be constant")
    if array.dtype != np.float32:
        raise unsupported(node, f"its weights {name_of(value)} are {array.dtype}, not float32")
    return array


def _attribute(node: ir.Node, item: ir.Attr) -> Value:
    value = item.value
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, int | float | str):
        return value
    if isinstance(value, tuple) and all(isinstance(number, int | float) for number in value):
        return list(value)
    if isinstance(value, tuple) and all(isinstance(word, str) for word in value):
        return ",".join(value)
    raise InputError(f"{node.op_type} {node.name} cannot be imported: its {item.name} is no number")
