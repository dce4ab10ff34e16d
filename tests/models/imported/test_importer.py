"""ONNX files become torch networks that answer what ONNX Runtime answers for the file."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import CLASSIFICATION
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.models.imported.graph import ImportedGraph
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.onnx_file import read_model, run
from edgecnn.models.imported.onnx_graph import cut, link
from edgecnn.models.imported.space_to_depth import spread
from edgecnn.models.resolve import resolve_model
from tests.support.tasks import detector_of

SIZE = 32
RNG = np.random.default_rng(0)
TWICE = np.array([1, 1, 2, 2], np.float32)


def weights(*shape: int) -> np.ndarray:
    return np.asarray(RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1), np.float32)


class Writer:
    """Writes an ONNX file node by node; every tensor is named after its node's number."""

    def __init__(self, channels: int = 3, size: int | str = SIZE) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.input = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, channels, size, size])

    def constant(self, value: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operator: str, *inputs: str, count: int = 1, **attributes: Any) -> Any:
        place = len(self.nodes)
        names = [f"t{place}" if count == 1 else f"t{place}_{index}" for index in range(count)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=f"n{place}", **attributes))
        return names[0] if count == 1 else names

    def conv(self, source: str, into: int, out: int, kernel: int = 1, **attributes: Any) -> str:
        kernel_, bias = self.constant(weights(out, into, kernel, kernel)), self.constant(weights(out))
        return str(self.add("Conv", source, kernel_, bias, pads=[kernel // 2] * 4, **attributes))

    def save(self, file: Path, *outputs: str, opset: int = 13) -> Path:
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "test", [self.input], infos, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save(model, file)
        return file


def answers_alike(file: Path, outputs: tuple[str, ...] = ()) -> list[np.ndarray]:
    """Import a file and compare the network with ONNX Runtime; return the answers."""
    found = import_onnx(file, outputs)
    module = ImportedNetwork(found.graph).eval()
    module.load_state_dict(found.state)
    image = RNG.uniform(-1, 1, (1, found.contract.channels, SIZE, SIZE)).astype(np.float32)
    with torch.inference_mode():
        answer = module(torch.from_numpy(image))
    made = [part.numpy() for part in ((answer,) if isinstance(answer, torch.Tensor) else answer)]
    want = run(cut(link(read_model(file), file), found.graph.outputs), file, image)
    for name, one, other in zip(found.graph.outputs, want, made, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4, err_msg=name)
    return made


def integers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


OPERATIONS: dict[str, Any] = {
    "asymmetric padding": lambda w, x: w.add(
        "Conv", x, w.constant(weights(4, 6, 3, 3)), pads=[0, 0, 1, 1], strides=[2, 2]
    ),
    "same padding": lambda w, x: w.add(
        "Conv", x, w.constant(weights(4, 6, 3, 3)), auto_pad="SAME_UPPER", strides=[2, 2]
    ),
    "batch norm": lambda w, x: w.add(
        "BatchNormalization", x, *(w.constant(np.abs(weights(6)) + 0.5) for _ in range(4))
    ),
    "silu": lambda w, x: w.add("Mul", x, w.add("Sigmoid", x)),
    "hard-swish": lambda w, x: w.add("Mul", x, w.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)),
    "hard sigmoid": lambda w, x: w.add("HardSigmoid", x),
    "relu6": lambda w, x: w.add("Clip", x, w.constant(np.float32(0)), w.constant(np.float32(6))),
    "leaky relu": lambda w, x: w.add("LeakyRelu", x, alpha=0.1),
    "max pool": lambda w, x: w.add("MaxPool", x, kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]),
    "average pool": lambda w, x: w.add("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2]),
    "nearest": lambda w, x: w.add(
        "Resize", x, "", w.constant(TWICE), coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    ),
    "bilinear": lambda w, x: w.add("Resize", x, "", w.constant(TWICE), mode="linear"),
    "slices": lambda w, x: w.add(
        "Slice", x, w.constant(integers(0, 1)), w.constant(integers(4, 30)), w.constant(integers(1, 2)),
        w.constant(integers(1, 3)),
    ),
    "split": lambda w, x: w.add(
        "Concat", *w.add("Split", x, w.constant(integers(2, 4)), axis=1, count=2)[::-1], axis=1
    ),
    "constants": lambda w, x: w.add(
        "Add", w.add("Mul", x, w.constant(weights(6, 1, 1))), w.constant(weights(6, 1, 1))
    ),
    "pad": lambda w, x: w.add("Pad", x, w.constant(integers(0, 0, 1, 2, 0, 0, 3, 4))),
    "shuffle": lambda w, x: w.add(
        "Reshape",
        w.add("Transpose", w.add("Reshape", x, w.constant(integers(1, 2, 3, -1))), perm=[0, 2, 1, 3]),
        w.constant(integers(1, 6, SIZE, SIZE)),
    ),
    "gate": lambda w, x: w.add("Mul", x, w.add("Sigmoid", w.add("ReduceMean", x, axes=[2, 3]))),
}  # fmt: skip


@pytest.mark.parametrize("what", OPERATIONS)
def test_every_operation_computes_what_onnx_runtime_computes(what: str, tmp_path: Path) -> None:
    writer = Writer()
    mapped = OPERATIONS[what](writer, writer.conv("images", 3, 6, 3))
    answers_alike(writer.save(tmp_path / "net.onnx", mapped))


def classifier(folder: Path, *, gray: bool = False) -> Path:
    writer = Writer(1 if gray else 3)
    pooled = writer.add(
        "GlobalAveragePool", writer.add("Relu", writer.conv("images", 1 if gray else 3, 8, 3))
    )
    flat = writer.add("Flatten", pooled)
    return writer.save(
        folder / "classifier.onnx",
        writer.add("Gemm", flat, writer.constant(weights(5, 8)), writer.constant(weights(5)), transB=1),
    )


@pytest.mark.parametrize("gray", [False, True])
def test_a_classifier_is_taken_whole(gray: bool, tmp_path: Path) -> None:
    file = classifier(tmp_path, gray=gray)
    (scores,) = answers_alike(file)
    assert scores.shape == (1, 5)
    module, spec = resolve_model(str(file), classes=tuple("abcde"), contract_overrides={"resize": "squash"})
    assert (spec.builder, spec.task, spec.contract.resize) == ("onnx:classifier", CLASSIFICATION, "squash")
    with pytest.raises(InputError, match="has 5 outputs for 2 classes"):
        resolve_model(str(file), classes=("a", "b"))
    save_checkpoint(tmp_path / "checkpoint", module, spec)
    again, read = load_checkpoint(tmp_path / "checkpoint")
    assert read == spec
    image = torch.rand(1, spec.contract.channels, SIZE, SIZE)
    with torch.inference_mode():
        assert torch.equal(again(image), module(image))


def detector(folder: Path, *, decoded: bool = False, broken: bool = False) -> Path:
    """A detector of two levels with YOLOX's decode part; a broken one's scores go through an exponential."""
    writer, rows = Writer(), []
    source, size = "images", SIZE
    for into in (3, 8):
        source, size = writer.conv(source, into, 8, 3, strides=[2, 2]), size // 2
        boxes, objectness, scores = (writer.conv(source, 8, count) for count in (4, 1, 3))
        scores = writer.add("Exp" if broken else "Sigmoid", scores)
        parts = [boxes, writer.add("Sigmoid", objectness), scores]
        joined = writer.add("Concat", *parts, axis=1)
        rows.append(writer.add("Reshape", joined, writer.constant(integers(1, 8, -1))))
    table = writer.add("Transpose", writer.add("Concat", *rows, axis=2), perm=[0, 2, 1])
    return writer.save(folder / "detector.onnx", _decoded(writer, table) if decoded else table)


def _decoded(writer: Writer, table: str) -> str:
    """Add grid and strides, as YOLOX's export with the decode part does."""
    grids, strides = [], []
    for stride in (2, 4):
        side = SIZE // stride
        x, y = np.meshgrid(np.arange(side), np.arange(side))
        grids.append(np.stack([x, y], axis=-1).reshape(1, -1, 2))
        strides.append(np.full((1, side * side, 1), stride))
    grid = writer.constant(np.concatenate(grids, axis=1).astype(np.float32))
    step = writer.constant(np.concatenate(strides, axis=1).astype(np.float32))
    sizes = writer.constant(integers(2, 2, 4))
    centers, sides, rest = writer.add("Split", table, sizes, axis=2, count=3)
    corners = writer.add("Mul", writer.add("Add", centers, grid), step)
    extents = writer.add("Mul", writer.add("Exp", sides), step)
    return str(writer.add("Concat", corners, extents, rest, axis=2))


@pytest.mark.parametrize("decoded", [False, True])
def test_a_detector_is_cut_at_its_raw_heads(decoded: bool, tmp_path: Path) -> None:
    file = detector(tmp_path, decoded=decoded)
    maps = answers_alike(file)
    assert [part.shape[1:] for part in maps] == [
        (4, 16, 16),
        (3, 16, 16),
        (1, 16, 16),
        (4, 8, 8),
        (3, 8, 8),
        (1, 8, 8),
    ]
    found = import_onnx(file)
    assert detector_of(found).boxes == "yolox"
    assert [level.stride for level in detector_of(found).levels] == [2, 4]
    assert (found.classes, found.contract.color, found.contract.resize) == (3, "bgr", "letterbox")


def test_a_decode_part_that_is_not_recognized_is_said_with_a_way_out(tmp_path: Path) -> None:
    file = detector(tmp_path, broken=True)
    with pytest.raises(InputError, match="is not recognized; looked for a table") as caught:
        import_onnx(file)
    assert caught.value.hint is not None
    assert "--outputs" in caught.value.hint
    names = caught.value.hint.partition("--outputs ")[2].split(",")
    assert len(names) == 6, "the last convolutions are offered"
    assert [part.shape[1] for part in answers_alike(file, tuple(names))] == [4, 1, 3, 4, 1, 3]


def test_a_decode_part_that_computes_something_else_is_not_taken_for_yolox_s(tmp_path: Path) -> None:
    """The structure alone proves nothing: here all boxes are doubled behind it."""
    model = read_model(detector(tmp_path))
    last = model.graph.node[-1]
    answer, last.output[0] = last.output[0], "before"
    model.graph.initializer.append(numpy_helper.from_array(np.float32(2.0), "two"))
    model.graph.node.append(helper.make_node("Mul", ["before", "two"], [answer]))
    onnx.save(model, tmp_path / "doubled.onnx")
    with pytest.raises(InputError, match="2 such feature maps, whose decode gives other values"):
        import_onnx(tmp_path / "doubled.onnx")


def test_an_unknown_name_to_cut_at_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no tensor 't00' to cut at") as caught:
        import_onnx(classifier(tmp_path), ("t00",))
    assert caught.value.hint is not None
    assert "did you mean 't" in caught.value.hint


def test_an_unknown_operation_is_named_with_its_node(tmp_path: Path) -> None:
    writer = Writer()
    file = writer.save(tmp_path / "net.onnx", writer.add("Erf", writer.conv("images", 3, 6)))
    with pytest.raises(InputError, match="operation n1 is Erf"):
        import_onnx(file)


def test_files_that_are_no_image_network(tmp_path: Path) -> None:
    open_size = Writer(size="side")
    open_size.save(tmp_path / "open.onnx", open_size.conv("images", 3, 6))
    with pytest.raises(InputError, match=r"takes images \[1, 3, -1, -1\]"):
        import_onnx(tmp_path / "open.onnx")
    whole = classifier(tmp_path).read_bytes()
    for name, content in {"half": whole[: len(whole) // 2], "text": b"no network", "empty": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name):
            import_onnx(tmp_path / name)
    with pytest.raises(InputError, match="there is no file"):
        resolve_model(str(tmp_path / "absent.onnx"))
    with pytest.raises(UsageError, match="has weights of its own"):
        resolve_model(str(tmp_path / "classifier.onnx"), weights=tmp_path / "w.pth")


STRUCTURE = ImportedGraph.from_json(
    {
        "input": "images",
        "outputs": ["y"],
        "nodes": [
            {
                "operator": "Conv",
                "name": "conv",
                "inputs": ["images"],
                "outputs": ["y"],
                "attributes": {"strides": [2, 2]},
                "weights": {"weight": [4, 3, 3, 3]},
            }
        ],
    }
).to_json()
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers(-5, 10**12) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(STRUCTURE["nodes"][0])), JSON)
def test_a_structure_that_was_tampered_with_is_built_or_refused(field: str, value: object) -> None:
    data = json.loads(json.dumps(STRUCTURE))
    data["nodes"][0][field] = value
    with contextlib.suppress(InputError):
        ImportedNetwork(ImportedGraph.from_json(data))


def test_a_kernel_over_gathered_pixels_is_one_over_pixels() -> None:
    images = torch.rand(1, 3, 8, 8)
    order = np.random.default_rng(0).permutation(12)
    rows = images.reshape(1, 3, 4, 2, 4, 2).permute(0, 3, 5, 1, 2, 4).reshape(1, 12, 4, 4)[:, order]
    kernel = weights(5, 12, 3, 3)
    want = torch.nn.functional.conv2d(rows, torch.from_numpy(kernel), padding=1)
    merged = torch.from_numpy(spread(kernel, order, 2))
    have = torch.nn.functional.conv2d(images, merged, stride=2, padding=2)
    torch.testing.assert_close(have, want, rtol=1e-4, atol=1e-5)


def test_yolox_answers_as_its_file_does(shared_data: Path) -> None:
    found = import_onnx(shared_data / "models" / "yolox_nano.onnx")
    assert [level.stride for level in detector_of(found).levels] == [8, 16, 32]
    assert (found.classes, found.contract.height, len(found.graph.outputs)) == (80, 416, 9)
    used = {node.operator for node in found.graph.nodes}
    assert used == {"Add", "Concat", "Conv", "MaxPool", "Resize", "Silu"}, "focus and sigmoids are merged"
