"""Which nodes ONNX Runtime gets wrong in int8."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import pytest

from edgecnn.backends.onnx.float_only import float_only


def graph_of(kind: str, attributes: dict[str, int], *bounds: float | None) -> ir.Graph:
    constants = [
        None
        if bound is None
        else ir.val(f"bound_{place}", const_value=ir.tensor(np.array(bound, np.float32)))
        for place, bound in enumerate(bounds)
    ]
    source = ir.val("x", dtype=ir.DataType.FLOAT, shape=[1, 4, 6, 6])
    node = ir.node(kind, [source, *constants], attributes, name="one")
    known = [value for value in constants if value is not None]
    return ir.Graph([source], node.outputs, nodes=[node], initializers=known, opset_imports={"": 18})


@pytest.mark.parametrize(
    ("kind", "attributes", "bounds", "stays"),
    [
        ("ConvTranspose", {"group": 2}, (), True),
        ("ConvTranspose", {"group": 1}, (), False),
        ("ConvTranspose", {}, (), False),
        ("Clip", {}, (0.2, None), True),
        ("Clip", {}, (0.1, 0.9), True),
        ("Clip", {}, (None, -0.1), True),
        ("Clip", {}, (-1.0, 1.0), False),
        ("Clip", {}, (0.0, 6.0), False),
        ("Clip", {}, (), False),
        ("Conv", {"group": 2}, (), False),
    ],
)
def test_nodes_that_stay_in_float(
    kind: str, attributes: dict[str, int], bounds: tuple[float | None, ...], stays: bool
) -> None:
    assert float_only(graph_of(kind, attributes, *bounds)) == (["one"] if stays else [])
