from __future__ import annotations

import pytest
import torch
from torch import nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.stem_and_classifier import classifier_name, find_stem, replace_stem


def _network() -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8)),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 8),
        nn.Linear(8, 2),
    )


def test_finds_the_first_convolution_and_the_last_linear_layer() -> None:
    network = _network()
    assert find_stem(network)[0] == "0.0"
    assert classifier_name(network) == "4"


def test_a_network_without_them() -> None:
    with pytest.raises(InputError, match="no 2-D convolution"):
        find_stem(nn.Linear(2, 2))
    assert classifier_name(nn.Conv2d(3, 2, 1)) is None


def test_stride_alone_keeps_the_weights() -> None:
    network = _network()
    before = find_stem(network)[1].weight.clone()
    replace_stem(network, in_channels=3, stride=1)
    stem = find_stem(network)[1]
    assert stem.stride == (1, 1)
    assert torch.equal(stem.weight, before)


def test_other_channels_keep_everything_else_of_the_convolution() -> None:
    network = replace_stem(_network(), in_channels=1)
    stem = find_stem(network)[1]
    assert (stem.in_channels, stem.out_channels, stem.stride, stem.padding) == (1, 8, (2, 2), (1, 1))
    assert stem.bias is None
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 2)


def test_other_strides_are_refused() -> None:
    with pytest.raises(UsageError, match="stem_stride 4 is neither 1 nor 2"):
        replace_stem(_network(), in_channels=3, stride=4)
