"""ONNX files that would take minutes or gigabytes are refused by their bytes, before a library reads them."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.backends.onnx.inspect import inspect
from edgecnn.core.errors import InputError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.models.imported import onnx_limits
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.onnx_limits import MOST_FIELDS, MOST_NODES, MOST_TENSORS, parse_model

if TYPE_CHECKING:
    from collections.abc import Callable

SOON_S = 20.0
"""Far above what any refusal takes, and far below what the libraries would."""


def model(*nodes: onnx.NodeProto, constants: tuple[onnx.TensorProto, ...] = (), output: str = "y") -> bytes:
    """A network from an image ``x`` to one output."""
    image = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    end = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [image], [end], list(constants))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def chain(length: int) -> bytes:
    names = ["x", *(f"t{number}" for number in range(length - 1)), "y"]
    return model(*(helper.make_node("Relu", [a], [b]) for a, b in pairwise(names)))


def branches(depth: int) -> bytes:
    """An If in an If in an If."""
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["inner"])],
        "deepest",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)],
    )
    for _ in range(depth):
        node = helper.make_node("If", ["c"], ["inner"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph(
            [node], "branch", [], [helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)]
        )
        if graph.ByteSize() > 1 << 20:
            break
    return model(helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph))


def tensor(**fields: Any) -> bytes:
    held = TensorProto(name="w", **{"data_type": TensorProto.FLOAT, **fields})
    return model(helper.make_node("Add", ["x", "w"], ["y"]), constants=(held,))


def sparse() -> bytes:
    values = numpy_helper.from_array(np.ones(1, np.float32), "s")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    node = helper.make_node(
        "Constant", [], ["y"], sparse_value=helper.make_sparse_tensor(values, places, [1 << 40])
    )
    return model(node)


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "many nodes": (lambda: chain(MOST_NODES + 1), f"more than {MOST_NODES} operations"),
    "many empty nodes": (lambda: field(7, field(1, b"") * 3_000_000), f"more than {MOST_NODES} operations"),
    "many empty tensors": (lambda: field(7, field(5, b"") * 200_000), f"more than {MOST_TENSORS} constant"),
    "many empty inputs": (lambda: field(7, field(11, b"") * 1_500_000), f"more than {MOST_FIELDS} parts"),
    "many unpacked values": (
        lambda: field(7, field(5, b"\x25\0\0\0\0" * 1_500_000)),
        f"more than {MOST_FIELDS} parts",
    ),
    "deep branches": (lambda: branches(9), "graphs in it are inside each other"),
    "long name of a node": (
        lambda: model(helper.make_node("Relu", ["x"], ["y"], name="n" * 5000)),
        "a name in it has more than 4096 bytes",
    ),
    "long name of a tensor": (
        lambda: model(helper.make_node("Relu", ["x"], ["y" * 100_000]), output="y" * 100_000),
        "a name in it has more than 4096 bytes",
    ),
    "huge tensor": (lambda: tensor(dims=[1 << 40], raw_data=b"\0\0\0\0"), "'w' of shape .* does not hold"),
    "huge empty tensor": (
        lambda: tensor(dims=[1 << 62, 1 << 62]),
        "'w' of shape .* does not hold its values",
    ),
    "short tensor": (lambda: tensor(dims=[3], float_data=[1.0, 2.0]), r"'w' of shape \[3\] does not hold"),
    "long tensor": (lambda: tensor(dims=[1], raw_data=bytes(8)), r"'w' of shape \[1\] does not hold"),
    "negative tensor": (lambda: tensor(dims=[-1, -1], raw_data=bytes(4)), "does not hold its values"),
    "tensor of two kinds": (
        lambda: tensor(dims=[1], float_data=[1.0], int64_data=[1]),
        r"'w' of shape \[1\] does not hold",
    ),
    "unknown type": (lambda: tensor(dims=[1], data_type=77, raw_data=bytes(4)), "the type 77 of a tensor"),
    "no type": (lambda: tensor(dims=[1], data_type=0, raw_data=bytes(4)), "of a tensor is not known"),
    "sparse": (sparse, "it holds a sparse tensor, which is not supported"),
    "cut off": (lambda: chain(5)[:-20], "is not an ONNX file, or it is truncated"),
    "length beyond the file": (lambda: b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "is not an ONNX file"),
    "endless number": (lambda: b"\x08" + b"\xff" * 100, "is not an ONNX file"),
    "groups": (lambda: b"\x0b" * 100_000, "is not an ONNX file"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_soon_in_one_line(tmp_path: Path, what: str) -> None:
    make, reason = HOSTILE[what]
    file = tmp_path / "net.onnx"
    file.write_bytes(make())
    started = time.monotonic()
    with pytest.raises(InputError, match=reason) as caught:
        import_onnx(file)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
    assert time.monotonic() - started < SOON_S


def test_what_is_within_the_limits_is_read(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    for content in (chain(2000), branches(3), tensor(dims=[0, 1 << 40]), tensor(dims=[], float_data=[2.0])):
        file.write_bytes(content)
        assert parse_model(file).SerializeToString() == content
    long_text = model(helper.make_node("Relu", ["x"], ["y"], doc_string="d" * 100_000))
    file.write_bytes(long_text)
    assert parse_model(file).graph.node[0].doc_string == "d" * 100_000


@pytest.mark.parametrize(
    "kind",
    ["float32", "float16", "float64", "int8", "uint8", "int32", "int64", "bool", "complex64", "uint16"],
)
@pytest.mark.parametrize("raw", [False, True])
def test_tensors_of_every_type_are_read(tmp_path: Path, kind: str, raw: bool) -> None:
    code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    values = np.arange(6).astype(kind)
    held = helper.make_tensor("w", code, [2, 3], values.tobytes() if raw else values.tolist(), raw=raw)
    file = tmp_path / "net.onnx"
    file.write_bytes(model(helper.make_node("Add", ["x", "w"], ["y"]), constants=(held,)))
    (found,) = onnx_limits.tensors(parse_model(file))
    np.testing.assert_array_equal(numpy_helper.to_array(found), values.reshape(2, 3))


@pytest.mark.parametrize(
    "code", [TensorProto.INT4, TensorProto.UINT4, TensorProto.BFLOAT16, TensorProto.STRING]
)
def test_tensors_of_odd_types_are_read(tmp_path: Path, code: int) -> None:
    values = [b"a", b"b", b"c"] if code == TensorProto.STRING else [1, 2, 3]
    file = tmp_path / "net.onnx"
    held = helper.make_tensor("w", code, [3], values)
    file.write_bytes(model(helper.make_node("Add", ["x", "w"], ["y"]), constants=(held,)))
    assert [found.name for found in onnx_limits.tensors(parse_model(file))] == ["w"]


@pytest.mark.parametrize("operator", ["ConstantOfShape", "Expand", "Tile", "Range", "Resize", "Pad"])
def test_constants_that_grow_are_not_computed(tmp_path: Path, operator: str) -> None:
    """A file of a few hundred bytes computes 8 GB from constants: ONNX Runtime would fold them at once."""
    file = tmp_path / "net.onnx"
    file.write_bytes(growing(operator, (1 << 31,) if operator == "Range" else (1 << 16, 1 << 15)))
    before = peak_memory_bytes()
    with pytest.raises(InputError) as caught:
        import_onnx(file)
    assert "\n" not in str(caught.value)
    inspect(file)
    assert peak_memory_bytes() - before < 1 << 29


def growing(operator: str, sizes: tuple[int, ...]) -> bytes:
    def constant(name: str, value: Any) -> onnx.TensorProto:
        return numpy_helper.from_array(np.asarray(value), name)

    one = constant("one", np.ones((1,) * len(sizes), np.float32))
    shape = constant("shape", np.array(sizes, np.int64))
    scale = constant("scale", np.array(sizes, np.float32))
    pads = constant("pads", np.array((0,) * len(sizes) + sizes, np.int64))
    ends = [constant(name, np.float32(value)) for name, value in (("a", 0), ("b", sizes[0]), ("c", 1))]
    nodes = {
        "ConstantOfShape": helper.make_node("ConstantOfShape", ["shape"], ["grown"]),
        "Expand": helper.make_node("Expand", ["one", "shape"], ["grown"]),
        "Tile": helper.make_node("Tile", ["one", "shape"], ["grown"]),
        "Range": helper.make_node("Range", ["a", "b", "c"], ["grown"]),
        "Resize": helper.make_node("Resize", ["one", "", "scale"], ["grown"]),
        "Pad": helper.make_node("Pad", ["one", "pads"], ["grown"]),
    }
    total = helper.make_node("ReduceSum", ["grown"], ["sum"], keepdims=0)
    end = helper.make_node("Add", ["x", "sum"], ["y"])
    return model(nodes[operator], total, end, constants=(one, shape, scale, pads, *ends))
