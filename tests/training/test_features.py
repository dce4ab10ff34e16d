from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from edgecnn.core.config.training import TrainSettings
from edgecnn.tasks.classification.method import CrossEntropy, Distillation
from edgecnn.training.features import AttentionTransfer, attention, last_of_each_resolution
from tests.support.training import SIZE, small_network
from tests.support.training import train_classifier as train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.data.prepared import PreparedSet

EXAMPLE = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))


def test_attention_has_no_channels_and_length_one() -> None:
    features = torch.randn(2, 5, 4, 4)
    found = attention(features)
    assert found.shape == (2, 16)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(attention(3.0 * features.repeat(1, 2, 1, 1)), found)


def test_the_last_layer_of_each_resolution_is_compared() -> None:
    assert last_of_each_resolution(small_network(), EXAMPLE) == ("1.1",)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, 2))
    assert last_of_each_resolution(plain, EXAMPLE) == ("1", "2")


@pytest.mark.parametrize("by_logits", [True, False])
def test_a_twin_has_nothing_to_learn(by_logits: bool) -> None:
    student = small_network().eval()
    teacher = copy.deepcopy(student).requires_grad_(False)
    labels = CrossEntropy()
    method = Distillation(teacher, labels, 0.5, 2.0) if by_logits else labels
    taught = AttentionTransfer(method, teacher, student, ("1.1",), weight=10.0)
    inputs, targets = torch.randn(4, 3, SIZE, SIZE), torch.tensor([0, 1, 2, 0])
    expected = method.loss(inputs, student(inputs), targets)
    torch.testing.assert_close(taught.loss(inputs, student(inputs), targets), expected)
    with torch.no_grad():
        student.get_parameter("1.0.weight").mul_(torch.randn(8, 1, 1, 1))
    assert taught.loss(inputs, student(inputs), targets) > method.loss(inputs, student(inputs), targets)


def test_training_brings_attention_nearer(make_set: Callable[..., PreparedSet], tmp_path: Path) -> None:
    teacher = small_network(dropout=0.0)
    student = small_network(dropout=0.0)
    with torch.no_grad():
        weight = student.get_parameter("0.0.weight")
        weight.copy_(torch.randn(weight.shape) / 5)
    images = make_set("train")

    def distance() -> float:
        maps = [network[:2].eval()(EXAMPLE) for network in (student, teacher)]
        return float((attention(maps[0]) - attention(maps[1])).detach().square().sum())

    before = distance()
    method = AttentionTransfer(CrossEntropy(), teacher.requires_grad_(False), student, ("1.1",), weight=100.0)
    settings = TrainSettings(epochs=6, batch_size=32, ema=0.5, device="cpu")
    train(student, images, None, settings, scratch=tmp_path, progress=lambda _: None, method=method)
    assert distance() < before
