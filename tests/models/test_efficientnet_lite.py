from __future__ import annotations

import math

import pytest
import timm
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from edgecnn.models.efficientnet_lite import EfficientNetLite, SamePadConv2d, rename_keys, same_padding


@given(st.integers(1, 400), st.sampled_from([1, 3, 5, 7]), st.sampled_from([1, 2]))
def test_same_padding_gives_ceil_of_size_by_stride(size: int, kernel: int, stride: int) -> None:
    before, after = same_padding(size, kernel, stride)
    assert 0 <= after - before <= 1
    assert (size + before + after - kernel) // stride + 1 == math.ceil(size / stride)


@settings(max_examples=30)
@given(st.integers(5, 20), st.integers(5, 20), st.sampled_from([3, 5]), st.sampled_from([1, 2]))
def test_same_pad_convolution_is_an_explicit_pad_and_a_convolution(
    height: int, width: int, kernel: int, stride: int
) -> None:
    conv = SamePadConv2d(3, 6, kernel, stride, groups=3, bias=False)
    image = torch.randn(1, 3, height, width)
    pads = (*same_padding(width, kernel, stride), *same_padding(height, kernel, stride))
    expected = F.conv2d(F.pad(image, pads), conv.weight, stride=stride, groups=3)
    torch.testing.assert_close(conv(image), expected)


@pytest.mark.parametrize(("variant", "size"), [(0, 224), (1, 240), (2, 260), (3, 280), (4, 300)])
def test_equals_timm_s_port_of_tensorflow_s_network(variant: int, size: int) -> None:
    torch.manual_seed(variant)
    theirs = timm.create_model(f"tf_efficientnet_lite{variant}").eval()
    ours = EfficientNetLite(variant, classes=1000).eval()
    ours.load_state_dict(theirs.state_dict())
    image = torch.randn(1, 3, size, size)
    with torch.inference_mode():
        assert torch.equal(ours(image), theirs(image))


def test_rename_covers_every_published_key_once() -> None:
    module = EfficientNetLite(1, classes=10, width=0.25)
    own = module.state_dict()
    published = {}
    flat = [f"blocks.{s}.{b}" for s, row in enumerate(module.blocks) for b in range(len(row))]
    first = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}
    rest = {"conv_pw": "_expand_conv", "bn1": "_bn0", "conv_dw": "_depthwise_conv", "bn2": "_bn1"}
    rest |= {"conv_pwl": "_project_conv", "bn3": "_bn2"}
    ends = {"conv_stem": "_conv_stem", "bn1": "_bn0", "conv_head": "_conv_head", "bn2": "_bn1"}
    ends |= {"classifier": "_fc"}
    for key, value in own.items():
        if key.startswith("blocks."):
            block, layer, leaf = key.rsplit(".", 2)
            index = flat.index(block)
            published[f"_blocks.{index}.{(rest if index else first)[layer]}.{leaf}"] = value
        else:
            layer, leaf = key.split(".")
            published[f"{ends[layer]}.{leaf}"] = value
    renamed = rename_keys(published, module)
    assert renamed.keys() == own.keys()
    assert all(renamed[key] is own[key] for key in own)


def test_rename_leaves_own_and_foreign_keys_alone() -> None:
    module = EfficientNetLite(0, classes=2, width=0.25)
    own = module.state_dict()
    assert rename_keys(dict(own), module).keys() == own.keys()
    foreign = {"weight": torch.zeros(1), "_blocks.99._bn1.weight": torch.zeros(1), "": torch.zeros(1)}
    assert rename_keys(foreign, module).keys() == foreign.keys()


def test_batch_norm_is_tensorflow_s() -> None:
    norms = [layer for layer in EfficientNetLite(0, classes=2).modules() if isinstance(layer, nn.BatchNorm2d)]
    assert {(layer.eps, layer.momentum) for layer in norms} == {(1e-3, 0.01)}
