"""ONNX files become torch networks that answer what ONNX Runtime answers for the file."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import CLASSIFICATION
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.models.imported.graph import ImportedGraph
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.space_to_depth import spread
from edgecnn.models.resolve import resolve_model
from tests.support.onnx_writer import SIZE, TWICE, Writer, answers_alike, integers, weights
from tests.support.tasks import detector_of

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
    "slopes": lambda w, x: w.add("PRelu", x, w.constant(np.abs(weights(6, 1, 1)))),
    "transposed": lambda w, x: w.add(
        "ConvTranspose", x, w.constant(weights(6, 4, 3, 3)), strides=[2, 2], auto_pad="SAME_UPPER"
    ),
    "gelu": lambda w, x: w.add("Erf", w.add("Div", x, w.constant(np.float32(2**0.5)))),
    "attention": lambda w, x: w.add(
        "Mul", x, w.add("Concat", *(w.add(f"Reduce{kind}", x, axes=[1]) for kind in ["Max"] * 6), axis=1)
    ),
    "unit length": lambda w, x: w.add(
        "Div", x, w.add("Sqrt", w.add("ReduceSumSquare", x, axes=[1]))
    ),
    "where": lambda w, x: w.add("Where", w.add("Greater", x, w.constant(np.float32(0))), x, x),
    "places": lambda w, x: w.add("Gather", x, w.constant(integers(0, 3, 1, 4, 2, 5)), axis=1),
    "blocks": lambda w, x: w.add("DepthToSpace", w.add("SpaceToDepth", x, blocksize=2), blocksize=2),
    "best": lambda w, x: w.add("Cast", w.add("ArgMax", x, axis=1), to=1),
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


def test_an_unknown_name_to_cut_at_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no tensor 't00' to cut at") as caught:
        import_onnx(classifier(tmp_path), ("t00",))
    assert caught.value.hint is not None
    assert "did you mean 't" in caught.value.hint


def test_an_unknown_operation_is_named_with_its_node(tmp_path: Path) -> None:
    writer = Writer()
    file = writer.save(tmp_path / "net.onnx", writer.add("Det", writer.conv("images", 3, SIZE)))
    with pytest.raises(InputError, match="operation n1 is Det"):
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
