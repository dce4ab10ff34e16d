"""Tests of the source of ONNX files; ``tests/models/imported`` tests what is made of their operations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.digest import digest_file
from edgecnn.models.registry import find_source
from edgecnn.models.source import ModelRequest
from edgecnn.models.sources.onnx import OnnxSource
from tests.support import tiny_models as tiny

SOURCE = OnnxSource()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The tiny network's ONNX file."""
    return tiny.write_onnx(tmp_path / "net.v2.onnx")


def test_the_suffix_alone_makes_a_reference_its_own(file: Path) -> None:
    assert isinstance(find_source(str(file)), OnnxSource)
    assert not SOURCE.takes("zoo:onnx")
    assert SOURCE.run_name(str(file)) == "net.v2"


def test_the_key_is_that_of_the_bytes(file: Path) -> None:
    assert SOURCE.content(str(file), pretrained=False) == {"file": digest_file(file)}
    file.write_bytes(b"")
    assert SOURCE.content(str(file), pretrained=False) == {"file": digest_file(file)}


def test_the_network_answers_as_the_file(file: Path) -> None:
    module, spec = SOURCE.resolve(ModelRequest(str(file)))
    images = tiny.images(4)
    inputs = (images.astype("float32") - 120) / 50
    assert spec.builder == "onnx:net.v2"
    assert spec.weights == f"{file.name} sha256:{digest_file(file)}"
    assert len(spec.classes) == tiny.CLASSES
    with torch.inference_mode():
        answers = module.eval()(torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy()))
        again = SOURCE.build(spec)
        again.load_state_dict(module.state_dict())
        same = again.eval()(torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy()))
    assert answers.shape == (4, tiny.CLASSES)
    assert torch.equal(answers, same), "the spec holds the whole graph"


def test_classes_are_those_of_the_outputs(file: Path) -> None:
    names = [f"kind {index}" for index in range(tiny.CLASSES)]
    _, spec = SOURCE.resolve(ModelRequest(str(file), classes=names))
    assert list(spec.classes) == names
    with pytest.raises(InputError, match=f"has {tiny.CLASSES} outputs for 2 classes"):
        SOURCE.resolve(ModelRequest(str(file), classes=["a", "b"]))


def test_what_a_file_does_not_take_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="width"):
        SOURCE.resolve(ModelRequest(str(file), arguments={"width": 0.5}))
    with pytest.raises(UsageError, match="has weights of its own"):
        SOURCE.resolve(ModelRequest(str(file), weights=Path("other.safetensors")))
