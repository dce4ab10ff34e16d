from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.models.detector.backbone import BACKBONES, Backbone, rename_keys
from edgecnn.models.detector.yolo import yolo
from edgecnn.models.families import efficientnet_lite, mobilenetv2
from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec import ModelSpec
from edgecnn.models.weights import load_weights
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.decode import decode
from tests.support.tasks import detector_of

WIDTH = 0.25
SMALL = {"width": WIDTH}


def _small(**arguments: object) -> tuple[nn.Module, ModelSpec]:
    """Return a narrow network for two classes, of 64 by 96 pixels."""
    return resolve_model(
        "zoo:yolo-nano",
        arguments={**SMALL, **arguments},
        contract_overrides={"height": 64, "width": 96},
        classes=("cat", "dog"),
    )


def test_outputs_are_as_the_description_says() -> None:
    module, spec = _small()
    with torch.inference_mode():
        outputs = module(torch.randn(2, 3, 64, 96))
    assert [list(output.shape) for output in outputs] == [
        [2, channels, 64 // stride, 96 // stride] for stride in (8, 16, 32) for channels in (32, 2)
    ]
    assert spec.contract.resize == "letterbox"
    found = decode(detector_of(spec), [output.numpy() for output in outputs], spec.contract, [(64, 96)] * 2)
    assert len(found) == 2


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_has_maps_at_the_three_strides(name: str) -> None:
    backbone = Backbone(name, 3, {}).eval()
    with torch.inference_mode():
        maps = backbone(torch.zeros(1, 3, 64, 64))
    assert [list(x.shape) for x in maps] == [
        [1, channels, 64 // stride, 64 // stride]
        for channels, stride in zip(backbone.channels, (8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize(
    ("build", "name", "size"),
    [
        (lambda: mobilenetv2(classes=7, in_channels=3), "mobilenetv2", "nano"),
        (lambda: efficientnet_lite(classes=7, in_channels=3, variant=0), "efficientnet-lite0", "small"),
    ],
    ids=["nano", "small"],
)
def test_a_classifiers_weights_become_the_backbones(
    build: Callable[[], Any], name: str, size: Literal["nano", "small"]
) -> None:
    torch.manual_seed(1)
    classifier, detector = build().eval(), yolo(classes=2, in_channels=3, size=size, backbone=name).eval()
    load_weights(detector, rename_keys(classifier.state_dict(), detector), "a classifier")
    taken = {key for key in classifier.state_dict() if f"backbone.{key}" in detector.state_dict()}
    assert len(taken) > 200
    assert len([key for key in detector.state_dict() if key.startswith("backbone.")]) == len(taken)
    image = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        deepest = detector.get_submodule("backbone")(image)[-1]
        if size == "nano":
            expected = classifier.features[:18](image)
        else:
            expected = classifier.blocks(classifier.bn1(classifier.conv_stem(image)))
    torch.testing.assert_close(deepest, expected)


def test_a_detectors_own_weights_are_not_renamed() -> None:
    detector = yolo(classes=1, in_channels=3, size="nano", backbone="mobilenetv2", width=WIDTH)
    state = detector.state_dict()
    assert rename_keys(state, detector) is state


def test_a_checkpoint_rebuilds_the_network_and_its_description(tmp_path: Path) -> None:
    module, spec = _small(activation="hard-swish")
    save_checkpoint(tmp_path, module, spec)
    again, read = load_checkpoint(tmp_path)
    assert read == spec
    image = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        for one, other in zip(module(image), again(image), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
    resolved, described = resolve_model(str(tmp_path))
    assert described.task == spec.task
    assert type(resolved) is type(module)


def test_scores_start_low() -> None:
    detector = yolo(classes=2, in_channels=1, size="nano", backbone="mobilenetv2", width=WIDTH).eval()
    with torch.inference_mode():
        outputs = detector(torch.randn(1, 1, 64, 64))
    assert all(output.sigmoid().mean() < 0.05 for output in outputs[1::2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"activation": "silu"}, "activation 'silu' is not one of relu6, hard-swish"),
        ({"bins": 1}, "bins 1 is not a whole number"),
        ({"bins": 8.0}, "bins 8.0 is not a whole number"),
        ({"backbone": "resnet18"}, "argument"),
        ({"size": "huge"}, "argument"),
        ({"width": 99}, "width 99"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_model("zoo:yolo-nano", arguments=arguments)


def test_a_backbone_that_is_none() -> None:
    with pytest.raises(UsageError, match="'resnet18'"):
        Backbone("resnet18", 3, {})


def test_an_input_between_the_strides_is_refused() -> None:
    with pytest.raises(UsageError, match="320x330 is not a multiple of 32"):
        resolve_model("zoo:yolo-nano", arguments=SMALL, contract_overrides={"width": 330})


def test_weights_of_another_detector_are_refused(tmp_path: Path) -> None:
    module, spec = resolve_model("zoo:yolo-nano", arguments=SMALL, classes=("a", "b", "c"))
    save_checkpoint(tmp_path, module, spec)
    with pytest.raises(InputError, match="has shape"):
        resolve_model("zoo:yolo-nano", arguments=SMALL, weights=tmp_path / "model.safetensors")


def test_the_graph_holds_no_decode() -> None:
    """Neither sigmoid nor softmax, exp or reshape: the outputs are those of convolutions."""
    module, _ = _small()
    program = torch.export.export(module, (torch.zeros(1, 3, 64, 96),))
    calls = {node.target.__name__ for node in program.graph.nodes if node.op == "call_function"}
    assert not {
        name for name in calls if name.split(".")[0] in {"sigmoid", "softmax", "exp", "view", "permute"}
    }
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    assert {node.target.__name__ for node in output.args[0]} == {"conv2d.default"}


def test_contract_of_a_checkpoint_may_change_the_size() -> None:
    _, spec = resolve_model(
        "zoo:yolo-nano", arguments=SMALL, contract_overrides={"height": 128, "width": 160}
    )
    assert spec.contract == Contract(128, 160, "letterbox", crop_fraction=1.0)
