"""The versions of packages in keys: those that a result depends on, and no others."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from edgecnn.core.errors import MissingDependency
from edgecnn.core.named_code import named_by_user
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract
from edgecnn.pipeline.keys import input_versions, step_key
from edgecnn.pipeline.stages.base import parameters_json
from edgecnn.pipeline.stages.network import NetworkParameters, network_stage
from edgecnn.pipeline.stages.registry import read_stage
from edgecnn.pipeline.step import Step
from tests.support.plans import keys, plan_builtin

LIBRARIES = {
    "timm:resnet18": {"torch", "timm", "torchvision"},  # torchvision names ImageNet's classes
    "torchvision:resnet18": {"torch", "torchvision"},
    "zoo:mobilenetv1": {"torch", "timm", "torchvision"},
    "zoo:mobilenetv2": {"torch", "torchvision"},
    "zoo:yolo-small": {"torch", "timm", "torchvision"},
    "net.onnx": {"torch", "onnx", "onnx-ir", "onnxruntime"},
    "python:nets:Net": {"torch", "torchvision"},  # the others are in the digest of its code
}
"""The packages that the network of a reference depends on."""


def network_key(reference: str) -> str:
    """Return the key of the step that builds a network."""
    parameters = NetworkParameters(
        reference, {}, None, {}, pretrained=False, weights=None, content="", seed=0
    )
    return step_key(Step("network", network_stage(reference), parameters), {})


def upgrade(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Let a package have another version."""
    installed = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "99" if name == package else installed(name))


@pytest.mark.parametrize(
    "package", ["torch", "timm", "torchvision", "onnx", "onnx-ir", "onnxruntime", "rich"]
)
def test_a_package_changes_the_networks_that_depend_on_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {reference: network_key(reference) for reference in LIBRARIES}
    upgrade(monkeypatch, package)
    changed = {reference for reference in LIBRARIES if network_key(reference) != before[reference]}
    assert changed == {reference for reference, packages in LIBRARIES.items() if package in packages}


def spec_of(folder: Path, builder: str) -> Path:
    """Write as much of a checkpoint as a key reads."""
    folder.mkdir(parents=True)
    spec = ModelSpec(builder=builder, contract=Contract(8, 8), classes=("a",))
    (folder / "model.safetensors").touch()
    (folder / "spec.json").write_text(json.dumps(spec.to_json()))
    return folder


@pytest.mark.parametrize(
    ("builder", "packages"),
    [
        ("timm:resnet18.a1_in1k", {"timm"}),
        ("torchvision:resnet18", {"torchvision"}),
        ("zoo:efficientnet-lite0", {"timm"}),
        ("zoo:ssdlite320-mobilenetv3-large", {"torchvision"}),
        ("onnx:net", set()),
        ("python:nets:Net", set()),
    ],
)
def test_every_step_that_reads_a_checkpoint_depends_on_the_code_of_its_network(
    builder: str, packages: set[str], tmp_path: Path
) -> None:
    wanted = {name: metadata.version(name) for name in packages}
    assert input_versions([spec_of(tmp_path / "a", builder)]) == wanted
    with named_by_user(builder):
        stage = network_stage(str(tmp_path / "a"))
    assert set(stage.packages) == {"torch", *packages}, "a checkpoint is also a start"


def test_a_library_of_a_checkpoint_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    folder = spec_of(tmp_path / "a", "timm:resnet18")
    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(
        MissingDependency, match="the network timm:resnet18 needs the package 'timm'"
    ) as caught:
        input_versions([folder])
    assert caught.value.hint == "pip install 'edgecnn[torch]'"


def test_timm_is_in_no_key_of_a_pipeline_without_it(
    picture_folder: Path, boxes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(plan_builtin("quickstart", picture_folder, boxes_folder))
    assert keys(plan_builtin("quickstart", picture_folder, boxes_folder)) == before
    upgrade(monkeypatch, "timm")
    assert keys(plan_builtin("quickstart", picture_folder, boxes_folder)) == before


def test_a_package_that_a_stage_computes_with_is_in_its_key(
    picture_folder: Path, boxes_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(plan_builtin("quickstart", picture_folder, boxes_folder))
    for package, wanted in {
        "numpy": {"prepare:train", "calibration", "probe", "train", "quantize:onnx-int8", "verify:onnx-int8"},
        "pillow": {"prepare:train", "prepare:eval"},
        "onnx-ir": {"lower:onnx", "quantize:onnx-int8", "inspect:onnx-int8"},
    }.items():
        with monkeypatch.context() as patch:
            upgrade(patch, package)
            after = keys(plan_builtin("quickstart", picture_folder, boxes_folder))
        changed = {step for step in before if before[step] != after[step]}
        assert wanted <= changed, f"{package} is missing in {sorted(wanted - changed)}"
        assert "contract" not in changed


def test_a_plan_reads_the_stage_of_a_network_back() -> None:
    parameters = NetworkParameters(
        "timm:resnet18", {}, None, {}, pretrained=False, weights=None, content="", seed=0
    )
    stage, given = read_stage("network", 3, parameters_json(parameters))
    assert given == parameters
    assert stage.packages == ("torch", "timm", "torchvision")
