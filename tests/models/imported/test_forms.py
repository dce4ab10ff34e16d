"""The forms of operators in different opsets become one: attributes of small graphs, and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError
from edgecnn.models.imported.graph import ImportedGraph
from edgecnn.models.imported.onnx_graph import infer_shapes, link
from edgecnn.models.imported.read import read_graph

FILE = Path("net.onnx")


def read(
    operator: str, *constants: Any, opset: int = 13, shape: tuple[int, ...] = (1, 2, 7, 9), outputs: int = 1,
    **attributes: Any,
) -> ImportedGraph:  # fmt: skip
    """Read a graph of one node, whose other inputs are constants; None leaves one out."""
    arrays = {f"c{place}": np.asarray(value) for place, value in enumerate(constants) if value is not None}
    names = ["x", *("" if value is None else f"c{place}" for place, value in enumerate(constants))]
    ends = [f"y{place}" for place in range(outputs)]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ends, name="one", **attributes)],
        "test",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ends],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    inferred: onnx.ModelProto = infer_shapes(model, FILE, data_prop=True)
    return read_graph(link(inferred, FILE))[0]


def attributes(*given: Any, **settings: Any) -> dict[str, Any]:
    (node,) = read(*given, **settings).nodes
    return dict(node.attributes)


FLOATS = np.float32
KERNEL = np.ones((4, 2, 3, 3), np.float32)


def test_a_softmax_means_what_its_opset_says() -> None:
    assert attributes("Softmax", opset=11) == {"axis": 1, "flattened": True}
    assert attributes("Softmax", opset=11, shape=(1, 9)) == {"axis": 1}
    assert attributes("Softmax", opset=13) == {}


def test_clip_and_pad_have_one_form() -> None:
    for given in (
        attributes("Clip", FLOATS(0), FLOATS(6), opset=13),
        attributes("Clip", opset=6, min=0.0, max=6.0),
    ):
        assert {name: np.ravel(value).item() for name, value in given.items()} == {"min": 0, "max": 6}
    assert attributes("Clip", opset=6) == {}, "limits that limit nothing are left out"
    sides = [0, 0, 1, 2, 0, 0, 3, 4]
    assert attributes("Pad", opset=9, pads=sides, value=1.5) == {"pads": sides, "constant_value": 1.5}
    by_axis = attributes("Pad", np.array([2, 1, 4, 3]), None, np.array([-1, 2]), opset=18)
    assert by_axis["pads"] == sides


def test_automatic_padding_becomes_numbers() -> None:
    upper = attributes("Conv", KERNEL, auto_pad="SAME_UPPER", strides=[2, 2], shape=(1, 2, 8, 7))
    assert upper["pads"] == [0, 1, 1, 1]
    lower = attributes("Conv", KERNEL, auto_pad="SAME_LOWER", strides=[2, 2], shape=(1, 2, 8, 7))
    assert lower["pads"] == [1, 1, 0, 1]
    assert "auto_pad" not in upper


def test_pools_that_torch_lacks_name_what_they_need() -> None:
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    assert "size" not in attributes("AveragePool", **window)
    uneven = attributes("AveragePool", **window, pads=[0, 0, 1, 1])
    assert (uneven["counted"], uneven["size"]) == ([0, 0, 0, 0], [7, 9])
    counted = attributes("AveragePool", **window, pads=[0, 0, 1, 1], count_include_pad=1)
    assert counted["counted"] == [0, 0, 1, 1]
    dilated = attributes("AveragePool", **window, dilations=[2, 2], opset=19)
    assert dilated["size"] == [7, 9]


REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "auto_pad with dilations": (
        "computed differently by different runtimes",
        {"operator": "MaxPool", "kernel_shape": [2, 2], "dilations": [2, 2], "auto_pad": "SAME_UPPER"},
    ),
    "auto_pad with windows smaller than their strides": (
        "windows that leave out pixels",
        {"operator": "AveragePool", "kernel_shape": [1, 1], "strides": [3, 3], "auto_pad": "SAME_UPPER",
         "shape": (1, 2, 8, 6)},
    ),
    "a pool over one axis": (
        "kernel_shape is", {"operator": "MaxPool", "kernel_shape": [2], "shape": (1, 2, 7)}
    ),
    "a global mean of rows": ("has 2 dimensions", {"operator": "GlobalAveragePool", "shape": (1, 2)}),
    "training": ("training mode", {"operator": "Dropout", "constants": (FLOATS(0.5), np.array(True))}),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_such_form_is_refused_by_name(what: str) -> None:
    reason, given = REFUSED[what]
    settings = dict(given)
    operator, constants = settings.pop("operator"), settings.pop("constants", ())
    with pytest.raises(InputError, match=f"{operator} one cannot be imported: .*{reason}"):
        read(operator, *constants, **settings)


def test_sizes_of_a_resize_become_factors() -> None:
    sizes = np.array([1, 2, 14, 18])
    found = attributes("Resize", None, None, sizes, mode="nearest")
    assert found["scales"] == [1.0, 1.0, 2.0, 2.0]
    kept = attributes(
        "Resize", None, None, np.array([14, 14]), opset=18, mode="linear", axes=[2, 3],
        keep_aspect_ratio_policy="not_larger",
    )  # fmt: skip
    assert kept["scales"] == [1.0, 1.0, 14 / 9, 14 / 9]
    assert kept["out"] == [11, 14]


def test_a_resize_of_opset_10_rounds_down() -> None:
    found = attributes("Resize", np.array([1, 1, 2, 2], np.float32), opset=10, mode="nearest")
    assert found["nearest_mode"] == "floor"
    assert found["coordinate_transformation_mode"] == "asymmetric"


def test_axes_are_named_and_uneven_parts_too() -> None:
    assert attributes("ReduceMean", opset=13)["axes"] == [0, 1, 2, 3]
    assert attributes("Squeeze", opset=13)["axes"] == [0]
    assert attributes("Split", opset=18, axis=2, num_outputs=3, outputs=3)["split"] == [3, 3, 1]
    assert attributes("Flatten", axis=-3)["axis"] == 1


def test_a_reshape_keeps_the_axis_of_the_images() -> None:
    assert attributes("Reshape", np.array([1, -1]))["shape"] == [0, -1]
    assert attributes("Reshape", np.array([2, -1]))["shape"] == [2, -1]
