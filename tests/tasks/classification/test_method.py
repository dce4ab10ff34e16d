from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from edgecnn.core.config.training import OptimizerSettings, TrainSettings
from edgecnn.tasks.classification.method import CrossEntropy, Distillation
from edgecnn.training.batches import to_input
from tests.support.training import train_classifier as train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.data.prepared import PreparedSet

IMAGES = torch.linspace(-1, 1, 4 * 3 * 12 * 12).reshape(4, 3, 12, 12)
LABELS = torch.tensor([0, 1, 2, 0])


def teacher_and_student(build: Callable[..., nn.Sequential]) -> tuple[nn.Sequential, nn.Sequential]:
    teacher = build(dropout=0.0).eval()
    with torch.no_grad():
        teacher[5].get_parameter("weight").mul_(50.0)
    student = copy.deepcopy(teacher)
    with torch.no_grad():
        student[5].get_parameter("weight").mul_(-1.0)
    return teacher, student


def test_classification_is_cross_entropy_of_labels_and_of_probabilities() -> None:
    logits = torch.tensor([[2.0, 0.0, -1.0]] * 4)
    method = CrossEntropy(label_smoothing=0.1)
    assert torch.equal(
        method.loss(IMAGES, logits, LABELS), cross_entropy(logits, LABELS, label_smoothing=0.1)
    )
    soft = nn.functional.one_hot(LABELS, 3).float()
    assert torch.allclose(method.loss(IMAGES, logits, soft), method.loss(IMAGES, logits, LABELS))


def test_distillation_vanishes_where_the_student_is_the_teacher(build: Callable[..., nn.Sequential]) -> None:
    teacher, student = teacher_and_student(build)
    method = Distillation(teacher, CrossEntropy(), weight=1.0, temperature=3.0)
    assert method.loss(IMAGES, teacher(IMAGES), LABELS).item() == pytest.approx(0.0, abs=1e-6)
    assert method.loss(IMAGES, student(IMAGES), LABELS).item() > 1e-3


def test_distillation_weighs_teacher_against_labels(build: Callable[..., nn.Sequential]) -> None:
    teacher, student = teacher_and_student(build)
    logits = student(IMAGES)

    def loss(weight: float) -> Tensor:
        return Distillation(teacher, CrossEntropy(), weight, 2.0).loss(IMAGES, logits, LABELS)

    expected = 0.75 * cross_entropy(logits, LABELS) + 0.25 * loss(1.0)
    assert torch.allclose(loss(0.25), expected)


def test_teacher_stays_as_it_is(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Sequential], tmp_path: Path
) -> None:
    teacher, student = teacher_and_student(build)
    before = copy.deepcopy(teacher.state_dict())
    train(
        student,
        make_set("train"),
        None,
        TrainSettings(epochs=1, batch_size=16),
        scratch=tmp_path,
        progress=lambda _: None,
        method=Distillation(teacher.train(), CrossEntropy(), 0.5, 2.0),
    )
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())


def test_distillation_brings_the_student_to_the_teacher(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Sequential], tmp_path: Path
) -> None:
    teacher, student = teacher_and_student(build)
    distance = Distillation(copy.deepcopy(teacher), CrossEntropy(), 1.0, 2.0)
    images = make_set("train")
    inputs = to_input(images.images[:32], images.contract, torch.device("cpu"))
    labels = torch.zeros(32, dtype=torch.int64)
    before = distance.loss(inputs, student(inputs), labels).item()
    train(
        student,
        images,
        None,
        TrainSettings(epochs=4, batch_size=16, optimizer=OptimizerSettings(lr=0.02)),
        scratch=tmp_path,
        progress=lambda _: None,
        method=Distillation(teacher, CrossEntropy(), 1.0, 2.0),
    )
    with torch.no_grad():
        after = distance.loss(inputs, student(inputs), labels).item()
    assert after < 0.5 * before, f"distance to the teacher was {before:.4f} and is {after:.4f}"


class Recording:
    """Notes when the loop calls it."""

    def __init__(self, **identity: Any) -> None:
        self.identity = identity
        self.shares: list[float] = []
        self.plain = CrossEntropy()

    def to(self, device: torch.device) -> None:
        self.device = device

    def before_step(self, share: float) -> None:
        self.shares.append(share)

    def loss(self, inputs: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        return self.plain.loss(inputs, logits, targets)


def test_method_is_told_how_far_the_training_is(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Sequential], tmp_path: Path
) -> None:
    method = Recording()
    settings = TrainSettings(epochs=2, batch_size=48)
    train(
        build(),
        make_set("train"),
        None,
        settings,
        scratch=tmp_path,
        progress=lambda _: None,
        method=method,
    )
    assert method.shares == [0.0, 0.25, 0.5, 0.75]
    assert method.device.type == "cpu"


def test_snapshot_of_another_method_is_not_used(
    make_set: Callable[..., PreparedSet],
    build: Callable[..., nn.Sequential],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings, images = TrainSettings(epochs=1, batch_size=48), make_set("train")

    def run(method: Any) -> None:
        train(build(), images, None, settings, scratch=tmp_path, progress=lambda _: None, method=method)

    distilled = Distillation(build(), CrossEntropy(), 0.5, 2.0)
    run(distilled)
    run(distilled)
    assert "other settings" not in capsys.readouterr().err, "the same training goes on from its snapshot"
    run(replace(distilled, weight=0.6))
    assert (
        "the training starts again: it belongs to a training with other settings" in capsys.readouterr().err
    )
