from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from edgecnn.core.errors import UsageError
from edgecnn.models import families
from edgecnn.models.stem_and_classifier import find_stem

BUILDERS = [
    (families.mobilenetv1, {}),
    (families.mobilenetv2, {"width": 0.25}),
    (families.mobilenetv3, {"variant": "small", "width": 0.25}),
    (families.mobilenetv3, {"variant": "large", "width": 0.25}),
    (families.mobilenetv4, {"variant": "small", "width": 0.35}),
    (families.efficientnet_lite, {"variant": 0, "width": 0.25}),
    (families.resnet, {"depth": 18}),
]


def _last_feature_size(module: nn.Module, image: torch.Tensor) -> int:
    sizes: list[int] = []
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _layer, _inputs, output: sizes.append(output.shape[-1]))
    with torch.inference_mode():
        module.eval()(image)
    return min(size for size in sizes if size > 1)  # squeeze-and-excitation works on 1x1


@pytest.mark.parametrize(("build", "arguments"), BUILDERS)
@pytest.mark.parametrize("channels", [1, 3])
def test_takes_gray_and_color_images_and_any_number_of_classes(
    build: Any, arguments: dict[str, Any], channels: int
) -> None:
    module = build(classes=7, in_channels=channels, **arguments).eval()
    with torch.inference_mode():
        assert module(torch.zeros(2, channels, 64, 64)).shape == (2, 7)


@pytest.mark.parametrize(("build", "arguments"), BUILDERS)
def test_stem_stride_one_keeps_twice_the_resolution(build: Any, arguments: dict[str, Any]) -> None:
    image = torch.zeros(1, 3, 64, 64)
    coarse = _last_feature_size(build(classes=2, in_channels=3, **arguments), image)
    fine = _last_feature_size(build(classes=2, in_channels=3, stem_stride=1, **arguments), image)
    assert (coarse, fine) == (2, 4)


def test_width_scales_the_parameters() -> None:
    def count(width: float) -> int:
        module = families.mobilenetv2(classes=10, in_channels=3, width=width)
        return sum(parameter.numel() for parameter in module.parameters())

    assert count(0.25) < count(0.5) < count(1.0)


def test_mobilenetv2_stages_replace_the_paper_s() -> None:
    module = families.mobilenetv2(
        classes=10, in_channels=1, stem_stride=1, stages=[[1, 16, 1, 1], [4, 24, 2, 2], [4, 48, 2, 2]]
    )
    assert find_stem(module)[1].stride == (1, 1)
    assert len(module.features) == 1 + 5 + 1  # type: ignore[arg-type]


def test_mobilenetv2_head_and_dropout() -> None:
    module = families.mobilenetv2(classes=10, in_channels=1, width=0.25, head=64, dropout=0.0).eval()
    assert module(torch.zeros(1, 1, 32, 32)).shape == (1, 10)
    assert module.get_submodule("classifier.1").weight.shape == (10, 64)
    assert module.get_submodule("classifier.0").p == 0.0


@pytest.mark.parametrize(
    ("build", "arguments", "message"),
    [
        (families.mobilenetv2, {"width": 0}, "width 0 is not"),
        (families.mobilenetv2, {"width": "half"}, "width 'half' is not"),
        (families.mobilenetv2, {"width": True}, "width True is not"),
        (families.mobilenetv2, {"width": float("nan")}, "width nan is not"),
        (families.mobilenetv2, {"stem_stride": 3}, "stem_stride 3"),
        (families.mobilenetv2, {"stages": []}, "not a list of rows"),
        (families.mobilenetv2, {"stages": [[1, 16, 1]]}, "four whole numbers"),
        (families.mobilenetv2, {"stages": [[1, 16, 1, 1.0]]}, "four whole numbers"),
        (families.mobilenetv2, {"stages": [[1, 16, 1, 3]]}, "out of range"),
        (families.mobilenetv2, {"stages": [[1, 10**9, 1, 1]]}, "out of range"),
        (families.mobilenetv2, {"stages": [[1, 8, 10**9, 1]]}, "more than 200 blocks"),
        (families.mobilenetv2, {"head": 0}, "head 0 is not"),
        (families.mobilenetv2, {"head": 1.5}, "head 1.5 is not"),
        (families.mobilenetv2, {"dropout": 1}, "dropout 1 is not"),
        (families.mobilenetv1, {"width": 0.5}, "mobilenetv1 has no width 0.5"),
        (families.mobilenetv4, {"variant": "medium", "width": 0.5}, "has no width 0.5"),
    ],
)
def test_arguments_out_of_range_are_refused(build: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(classes=2, in_channels=3, **arguments)
