"""Passes that rewrite an exported ONNX graph so that ONNX Runtime has integer kernels for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx_ir as ir

from edgecnn.models.imported.onnx_graph import constant, maker, name_of, shape_of, stored

if TYPE_CHECKING:
    from collections.abc import Collection

    import onnx

_RANK = 4
_SPATIAL = {2, 3}


def rewrite(model: onnx.ModelProto, *passes: ir.passes.InPlacePass) -> None:
    """Apply passes to a model, in place.

    Only nodes and initializers are written back: all other fields stay as the exporter or the quantizer wrote
    them, so that the same model always gives the same bytes.
    """
    linked = ir.passes.Sequential(*passes)(ir.serde.deserialize_model(model)).model
    changed, graph = ir.to_proto(linked.graph), model.graph
    for field in ("node", "initializer"):
        graph.ClearField(field)
    graph.node.extend(changed.node)
    graph.initializer.extend(changed.initializer)


class PoolGlobally(ir.passes.InPlacePass):
    """Replace every mean over height and width by a GlobalAveragePool.

    torch exports adaptive pooling to one pixel, and ``x.mean((2, 3))``, as ReduceMean, for which ONNX Runtime
    has no integer kernel. If the mean drops the two dimensions, a Flatten follows.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph."""
        means = [node for node in model.graph if node.op_type == "ReduceMean" and _is_spatial(node)]
        for mean in means:
            nodes = [ir.node("GlobalAveragePool", mean.inputs[:1], name=mean.name)]
            if not mean.attributes.get_int("keepdims", 1):
                nodes[0].outputs[0].name = f"{name_of(mean.outputs[0])}_pooled"
                nodes.append(ir.node("Flatten", nodes[0].outputs, name=f"{mean.name}_flatten"))
            ir.convenience.replace_nodes_and_values(
                model.graph, mean, [mean], nodes, mean.outputs, nodes[-1].outputs
            )
        return ir.passes.PassResult(model, modified=bool(means))


def _is_spatial(mean: ir.Node) -> bool:
    """Return whether a mean is over the height and the width of images."""
    axes = constant(mean.inputs[1]) if len(mean.inputs) > 1 else None
    if axes is None or len(shape_of(mean.inputs[0])) != _RANK:
        return False
    return {axis % _RANK for axis in axes.ravel().tolist()} == _SPATIAL


class PadPools(ir.passes.InPlacePass):
    """Write the last, incomplete windows of average pools with ``ceil_mode`` as padding that does not count.

    Both give the same in float. ONNX Runtime's integer kernel divides the sums of such windows by the wrong
    number of values (16 dB of signal to noise, ONNX Runtime 1.32), but it counts padding rightly.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph."""
        pools = [node for node in model.graph if node.op_type == "AveragePool" and _is_incomplete(node)]
        for pool in pools:
            pads, strides, kernel = (
                pool.attributes.get_ints(name, [default] * count)
                for name, default, count in (("pads", 0, 4), ("strides", 1, 2), ("kernel_shape", 1, 2))
            )
            extents, results = shape_of(pool.inputs[0])[2:], shape_of(pool.outputs[0])[2:]
            more = [
                (results[axis] - 1) * strides[axis] + kernel[axis] - extents[axis] - pads[axis]
                for axis in range(2)
            ]
            ends = [max(pads[2 + axis], more[axis]) for axis in range(2)]
            for name, value in (("ceil_mode", 0), ("count_include_pad", 0)):
                pool.attributes[name] = ir.AttrInt64(name, value)
            pool.attributes["pads"] = ir.AttrInt64s("pads", [*pads[:2], *ends])
        return ir.passes.PassResult(model, modified=bool(pools))


def _is_incomplete(pool: ir.Node) -> bool:
    """Return whether a pool rounds its size up and counts no padding of its own."""
    counts = pool.attributes.get_int("count_include_pad", 0) and any(pool.attributes.get_ints("pads", []))
    return pool.attributes.get_int("ceil_mode", 0) != 0 and not counts


_WITH_WEIGHTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


class KeepInFloat(ir.passes.InPlacePass):
    """Keep float layers of a quantized graph float.

    ONNX Runtime itself quantizes the weights of any convolution between a dequantize and a quantize
    operation, with one scale for all channels, unless its input is dequantized channel by channel
    (``WeightBiasQuantization``). Therefore such a layer gets its own dequantize operation with the same scale
    written once per channel.

    Args:
        nodes: Names of the layers.
    """

    def __init__(self, nodes: Collection[str]) -> None:
        super().__init__()
        self._nodes = nodes

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph, from its end to its beginning."""
        named = [node for node in reversed(model.graph) if node.name in self._nodes]
        layers = [node for node in named if node.op_type in _WITH_WEIGHTS]
        for layer in layers:
            source = maker(layer.inputs[0], "DequantizeLinear")
            if source is not None:
                layer.prepend(_dequantized_by_channel(model.graph, source, layer))
        return ir.passes.PassResult(model, modified=bool(layers))


def _dequantized_by_channel(graph: ir.Graph, source: ir.Node, layer: ir.Node) -> ir.Node:
    """Insert a copy of a layer's dequantize operation with one scale per channel; return the copy."""
    grid = []
    for value in source.inputs[1:]:
        single = stored(value)
        tensor = ir.tensor(np.full(_input_channels(layer), single.item(), single.dtype))
        grid.append(ir.val(f"{name_of(value)}/{layer.name}", const_value=tensor))
        graph.initializers.add(grid[-1])
    own = f"{name_of(layer.inputs[0])}/{layer.name}"
    copy = ir.node(
        "DequantizeLinear", [source.inputs[0], *grid], {"axis": 1}, outputs=[ir.val(own)], name=own
    )
    layer.replace_input_with(0, copy.outputs[0])
    return copy


def _input_channels(layer: ir.Node) -> int:
    """Return the number of channels of a layer's input, its axis 1."""
    kernel = stored(layer.inputs[1])
    if layer.op_type == "Conv":
        return int(kernel.shape[1] * layer.attributes.get_int("group", 1))
    transposed = layer.op_type == "Gemm" and layer.attributes.get_int("transB", 0) != 0
    return int(kernel.shape[1 if transposed else 0])


class AnswerInFloat(ir.passes.InPlacePass):
    """Make dense layers at the network's outputs return float32.

    ONNX Runtime's integer kernel does this at no cost. On a grid that covers the largest score of all images,
    typical scores are so close that the best two tie. The pass removes the quantize/dequantize pair after
    such a layer.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rewrite the model's graph."""
        modified = False
        for output in tuple(model.graph.outputs):
            dequantize = maker(output, "DequantizeLinear")
            quantize = maker(dequantize.inputs[0], "QuantizeLinear") if dequantize else None
            layer = maker(quantize.inputs[0], "Gemm") if quantize else None
            if dequantize is None or quantize is None or layer is None or output.uses():
                continue
            answer = layer.outputs[0]
            if len(quantize.outputs[0].uses()) > 1 or len(answer.uses()) > 1 or answer.is_graph_output():
                continue
            output.replace_all_uses_with(answer, replace_graph_outputs=True)
            model.graph.remove([dequantize, quantize], safe=True)
            answer.name, answer.shape, answer.type = output.name, output.shape, output.type
            modified = True
        return ir.passes.PassResult(model, modified=modified)
