"""ONNX files whose weights lie in other files: real ones are read, hostile ones are refused."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edgecnn.core.errors import InputError
from edgecnn.models.imported import external_data
from edgecnn.models.imported.external_data import digests_beside, embed, load_model, tensors_beside
from edgecnn.models.imported.given_file import OnnxFile
from edgecnn.models.imported.onnx_file import read_given_model
from edgecnn.models.registry import find_source
from edgecnn.models.resolve import resolve_model

RNG = np.random.default_rng(0)


def classifier(*, body: bool = False) -> onnx.ModelProto:
    """A classifier of three initializers; with ``body`` one of its constants is an attribute in a branch."""
    shapes = {"kernel": (6, 3, 3, 3), "matrix": (6, 5), "bias": (5,)}
    constants = [
        numpy_helper.from_array(RNG.normal(size=shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["mapped"], name="conv", pads=[1] * 4),
        helper.make_node("GlobalAveragePool", ["mapped"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["row"]),
        helper.make_node("Gemm", ["row", "matrix", "bias"], ["scores"]),
    ]
    if body:
        inside = helper.make_node("Constant", [], ["inner"], value=constants.pop())
        result = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
        branch = helper.make_graph([inside], "branch", [], [result])
        constants.append(numpy_helper.from_array(np.array(True), "yes"))
        nodes.insert(3, helper.make_node("If", ["yes"], ["bias"], then_branch=branch, else_branch=branch))
    entrance = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 5])
    graph = helper.make_graph(nodes, "test", [entrance], [scores], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def save(folder: Path, *, one_file: bool = True, location: str | None = "net.data") -> Path:
    """Write the classifier as users do, every weight outside the ONNX file."""
    folder.mkdir(exist_ok=True)
    onnx.save(
        classifier(),
        folder / "net.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=one_file,
        location=location if one_file else None,
        size_threshold=0,
    )
    return folder / "net.onnx"


@pytest.mark.parametrize("one_file", [True, False])
def test_weights_beside_a_file_are_read(tmp_path: Path, one_file: bool) -> None:
    file = save(tmp_path, one_file=one_file)
    assert len(digests_beside(file)) == (1 if one_file else 3)
    whole = read_given_model(file)
    assert not tensors_beside(whole, file), "what was read holds all its weights"
    for tensor, wanted in zip(whole.graph.initializer, onnx.load(file).graph.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(tensor), numpy_helper.to_array(wanted))
    module, spec = resolve_model(str(file))
    assert "weights beside it sha256:" in spec.weights
    image = RNG.normal(size=(1, 3, 8, 8)).astype(np.float32)
    (theirs,) = OnnxFile(file, module).run(image)
    with torch.inference_mode():
        np.testing.assert_allclose(module(torch.from_numpy(image)).numpy(), theirs, atol=1e-5)


def test_a_file_below_the_folder_is_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    file = save(tmp_path, location="weights/net.data")
    assert list(digests_beside(file)) == ["weights/net.data"]
    (tmp_path / "linked").symlink_to(tmp_path / "weights")
    assert digests_beside(_with(file, location="linked/net.data")) == {
        **digests_beside(file),
        "linked/net.data": digests_beside(file)["weights/net.data"],
    }, "a link that stays in the folder is followed"


def test_a_constant_in_a_branch_may_lie_beside_the_file(tmp_path: Path) -> None:
    model = classifier(body=True)
    onnx.external_data_helper.convert_model_to_external_data(
        model, location="net.data", size_threshold=0, convert_attribute=True
    )
    onnx.save(model, tmp_path / "net.onnx")
    inner = read_given_model(tmp_path / "net.onnx").graph.node[3].attribute[0].g.node[0].attribute[0].t
    assert inner.data_location == TensorProto.DEFAULT
    assert numpy_helper.to_array(inner).shape == (5,)


@pytest.mark.parametrize("one_file", [True, False])
def test_each_byte_beside_a_file_is_part_of_the_key(tmp_path: Path, one_file: bool) -> None:
    file = save(tmp_path, one_file=one_file)
    source = find_source(str(file))
    contents = [source.content(str(file), pretrained=False)]
    for name in digests_beside(file):
        place = file.with_name(name)
        values = bytearray(place.read_bytes())
        values[-1] ^= 1
        place.write_bytes(values)
        contents.append(source.content(str(file), pretrained=False))
    assert len({content["file"] for content in contents}) == 1
    assert len({content["beside"] for content in contents}) == len(contents)


def test_a_file_that_holds_its_weights_has_the_key_that_it_had(tmp_path: Path) -> None:
    onnx.save(classifier(), tmp_path / "net.onnx")
    assert set(find_source("net.onnx").content(str(tmp_path / "net.onnx"), pretrained=False)) == {"file"}


def _with(file: Path, **fields: str) -> Path:
    """Write a copy of a file in which the first tensor says other things about its place."""
    model = load_model(file)
    tensor = model.graph.initializer[0]
    known = {entry.key: entry.value for entry in tensor.external_data} | fields
    del tensor.external_data[:]
    for key, value in known.items():
        tensor.external_data.add(key=key, value=value)
    changed = file.with_name("changed.onnx")
    changed.write_bytes(model.SerializeToString())
    return changed


PLACES = {
    "an absolute path": ("/etc/passwd", "is not beside the model"),
    "a path out of the folder": ("../secret", "is not beside the model"),
    "a path out and in again": ("../model/net.data", "is not beside the model"),
    "a path of Windows": (r"..\secret", "is not beside the model"),
    "a drive of Windows": (r"C:\secret", "is not beside the model"),
    "no name": ("", "the name of the file is missing"),
    "a name with a zero": ("net\0.data", "the name of the file is missing"),
    "a missing file": ("absent.data", "there is no file 'absent.data' beside the model"),
    "a long name": ("x" * 5000, "cannot be read"),
    "a folder": ("folder", "is no file"),
    "a link out of the folder": ("link", "is a link to a file that is not beside the model"),
    "a file behind a linked folder": ("outside/secret", "is a link to a file that is not beside the model"),
    "links in a circle": ("circle", "cannot be read"),
    "a pipe, which would block": ("pipe", "is no file"),
}


@pytest.mark.parametrize("what", PLACES)
def test_only_files_beside_the_model_are_opened(tmp_path: Path, what: str) -> None:
    location, reason = PLACES[what]
    file = save(tmp_path / "model")
    (tmp_path / "secret").write_bytes(bytes(4096))
    (tmp_path / "model" / "folder").mkdir()
    (tmp_path / "model" / "link").symlink_to("../secret")
    (tmp_path / "model" / "outside").symlink_to("..")
    (tmp_path / "model" / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "model" / "pipe")
    _refused(_with(file, location=location), reason)


PARTS: dict[str, tuple[dict[str, str], str]] = {
    "a negative offset": ({"offset": "-4"}, "its offset '-4' is no number of bytes"),
    "a huge offset": ({"offset": "9" * 30}, "is no number of bytes"),
    "an offset behind the end": ({"offset": "999999"}, "the file ends at byte"),
    "a word as offset": ({"offset": "0x10"}, "its offset '0x10' is no number"),
    "a negative length": ({"length": "-1"}, "its length '-1' is no number"),
    "a length that is too short": ({"length": "4"}, r"its shape \[6, 3, 3, 3\] needs 648"),
    "a length that is too long": ({"length": "9999"}, r"its shape \[6, 3, 3, 3\] needs 648"),
}


@pytest.mark.parametrize("what", PARTS)
def test_offset_and_length_are_compared_with_the_file(tmp_path: Path, what: str) -> None:
    fields, reason = PARTS[what]
    _refused(_with(save(tmp_path), **fields), reason)


def test_a_file_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path)
    os.truncate(tmp_path / "net.data", (tmp_path / "net.data").stat().st_size - 1)
    _refused(file, "the file ends at byte", "bias")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"dims": [-1, 2]}, "no values of a fixed size"),
        ({"dims": [2**40, 2**40]}, "its length is 648 bytes"),
        ({"data_type": TensorProto.STRING}, "no values of a fixed size"),
        ({"data_type": TensorProto.UNDEFINED}, "its type 0 is not known"),
        ({"data_type": 12345}, "its type 12345 is not known"),
    ],
)
def test_a_tensor_without_a_size_is_refused(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    file = save(tmp_path)
    model = load_model(file)
    for name, value in changes.items():
        if name == "dims":
            model.graph.initializer[0].dims[:] = value
        else:
            model.graph.initializer[0].data_type = value
    file.write_bytes(model.SerializeToString())
    _refused(file, reason)


def test_two_places_of_one_tensor_are_refused(tmp_path: Path) -> None:
    file = save(tmp_path)
    model = load_model(file)
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    file.write_bytes(model.SerializeToString())
    _refused(file, "its location is given twice")


def test_small_files_cannot_ask_for_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tensors that share one part of a file, and one file that is mostly a hole."""
    file = save(tmp_path)
    many = load_model(file)
    for number in range(50):
        many.graph.initializer.add().CopyFrom(many.graph.initializer[0])
        many.graph.initializer[-1].name = f"copy{number}"
    (tmp_path / "many.onnx").write_bytes(many.SerializeToString())
    monkeypatch.setattr(external_data, "MOST_BYTES", 20_000)
    read_given_model(file)
    with pytest.raises(InputError, match="larger than 2 GiB"):
        read_given_model(tmp_path / "many.onnx")
    os.truncate(tmp_path / "net.data", 30_000)
    with pytest.raises(InputError, match="larger than 2 GiB"):
        digests_beside(file)


def test_a_file_that_shrinks_between_check_and_reading_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = save(tmp_path)
    model = load_model(file)
    found = tensors_beside(model, file)
    os.truncate(tmp_path / "net.data", 10)
    monkeypatch.setattr(external_data, "tensors_beside", lambda *_: found)
    with pytest.raises(InputError, match="became shorter while it was read"):
        embed(model, file)


def _refused(file: Path, reason: str, name: str = "kernel") -> None:
    """Check that the importer and the key refuse a file in one line with a way out."""
    for use in (read_given_model, digests_beside):
        with pytest.raises(InputError, match=reason) as caught:
            use(file)
        assert f"{file} keeps the weights '{name}' in another file: " in caught.value.message
        assert "\n" not in caught.value.message
        assert "external_data=False" in str(caught.value.hint)


@pytest.mark.slow
def test_what_torch_exports_by_default_is_read(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    net = nn.Sequential(net, nn.Flatten(), nn.Linear(16, 10)).eval()
    image = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.onnx.export(net, (image,), tmp_path / "net.onnx", external_data=True)
    assert list(digests_beside(tmp_path / "net.onnx")) == ["net.onnx.data"]
    module, _ = resolve_model(str(tmp_path / "net.onnx"))
    with torch.inference_mode():
        torch.testing.assert_close(module(image), net(image), rtol=1e-4, atol=1e-5)
