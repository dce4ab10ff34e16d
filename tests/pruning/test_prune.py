from __future__ import annotations

import json
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.core.config.pruning import Importance
from edgecnn.core.config.training import TrainSettings
from edgecnn.core.documents.pruning import SensitivityCurves
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.pruning.costs import NetworkCosts
from edgecnn.pruning.curves import share_for_loss
from edgecnn.pruning.importance import score
from edgecnn.pruning.policy import Policy
from edgecnn.pruning.prune import Pruned, prune
from edgecnn.pruning.recalibrate import recalibrate
from edgecnn.pruning.sensitivity import SHARES, measure_curves
from edgecnn.pruning.structure import Structure
from edgecnn.tasks.classification.training import ClassificationTraining
from edgecnn.training.batches import to_input
from tests.support.doing import what_is_said
from tests.support.quantization_networks import images, network

if TYPE_CHECKING:
    from torch import Tensor

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedSet:
    """Images with labels in the network's range."""
    _, spec = network()
    pixels = (128 + 50 * images(40, seed=7)).clamp(0, 255).permute(0, 2, 3, 1).numpy().astype(np.uint8)
    return PreparedSet.write(
        tmp_path_factory.mktemp("prune") / "images",
        pixels,
        np.arange(40, dtype=np.int64) % 8,
        classes=spec.classes,
        names=tuple(str(number) for number in range(40)),
        contract=spec.contract,
    )


@pytest.fixture
def structure(prepared: PreparedSet) -> Structure:
    """The groups of a small MobileNetV2."""
    module, _ = network()
    return Structure(module, to_input(prepared.images[:1], prepared.contract, CPU), "net")


def scored(structure: Structure, prepared: PreparedSet, importance: Importance = "l2") -> dict[str, Tensor]:
    return score(structure, importance, ClassificationTraining(prepared, None, TrainSettings(epochs=1)))


def to_share(structure: Structure, scores: dict[str, Tensor], limit: float, **options: object) -> Pruned:
    costs = NetworkCosts.of(structure.module, structure.example)
    policy = Policy("global", 4, scores)
    whole = costs.total("macs")
    return prune(structure, policy, costs, metric="macs", whole=whole, limit=limit, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("importance", get_args(Importance))
def test_every_importance_prunes_to_just_below_the_limit(
    importance: Importance, structure: Structure, prepared: PreparedSet
) -> None:
    before = {name: value.clone() for name, value in structure.module.state_dict().items()}
    pruned = to_share(structure, scored(structure, prepared, importance), 0.5)
    left, whole = (NetworkCosts.of(module, structure.example) for module in (pruned.module, structure.module))
    share = left.total("macs") / whole.total("macs")
    assert share == pytest.approx(pruned.cut.share)
    assert 0.35 < share <= 0.5
    assert all(torch.equal(value, before[name]) for name, value in structure.module.state_dict().items())


def test_what_nothing_depends_on_is_worth_nothing(structure: Structure, prepared: PreparedSet) -> None:
    group = structure.groups[0]
    with structure.masked({group.name: [3, 5]}):  # their readers multiply them with zero
        scores = scored(structure, prepared, "taylor")[group.name]
        magnitudes = scored(structure, prepared, "l2")[group.name]
    assert scores[[3, 5]].tolist() == [0.0, 0.0]
    assert scores.max() > 0
    assert (magnitudes[[3, 5]] > 0).all(), "their own weights are as they were"


def test_a_share_out_of_reach_says_how_far_it_got(structure: Structure, prepared: PreparedSet) -> None:
    scores = scored(structure, prepared)
    with pytest.raises(InputError, match=r"net cannot be pruned to 0\.01 of its macs: .* 0\.\d+ is left"):
        to_share(structure, scores, 0.01)
    clipped = to_share(structure, scores, 0.01, strict=False)
    assert clipped.cut.at_least
    assert all(count == 4 for name, count in clipped.cut.kept.items() if scores[name].numel() <= 40)


def test_weights_that_are_not_finite_are_refused(structure: Structure, prepared: PreparedSet) -> None:
    weight = structure.module.get_parameter(f"{structure.groups[0].name}.weight")
    with torch.no_grad():
        weight[0] = float("nan")
    with pytest.raises(InputError, match=r"weights or gradients of features\.5\.0\.weight are not finite"):
        scored(structure, prepared)


def test_a_network_without_batch_norm_has_no_scales(prepared: PreparedSet) -> None:
    plain = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 30), nn.Flatten()).eval()
    structure = Structure(plain, torch.randn(1, 3, 32, 32), "plain")
    with pytest.raises(InputError, match="no layers that importance 'bn' applies to"):
        scored(structure, prepared, "bn")


def test_statistics_are_means_over_the_images(prepared: PreparedSet) -> None:
    norm = nn.BatchNorm2d(3, momentum=0.1)
    assert norm.running_mean is not None
    norm.running_mean.fill_(99.0)
    recalibrate(nn.Sequential(norm), prepared)
    inputs = to_input(prepared.images[:40], prepared.contract, CPU)
    torch.testing.assert_close(norm.running_mean, inputs.mean((0, 2, 3)))
    assert (norm.momentum, norm.training) == (0.1, False)


def test_sensitivity_finds_the_group_that_matters(structure: Structure, prepared: PreparedSet) -> None:
    before = structure.module(structure.example)
    truth = structure.module(images(8)).detach()
    told: list[tuple[int, int]] = []
    with what_is_said() as heard:
        curves = measure_curves(
            structure,
            scored(structure, prepared),
            lambda module: float((module(images(8)).detach() - truth).square().mean().neg().exp()),
            metric="top1",
            images=8,
            progress=lambda done, total: told.append((done, total)),
        )
    assert f"the channels of {structure.groups[-1].name}" in heard.while_it_was()
    assert curves.whole == 1.0
    assert [curve.name for curve in curves.groups] == [group.name for group in structure.groups]
    assert min(curve.accuracy[-1] for curve in curves.groups) < 1.0
    assert told[-1] == (len(structure.groups), len(structure.groups))
    assert torch.equal(structure.module(structure.example), before), "the network is as it was"
    assert SensitivityCurves.from_json(json.loads(json.dumps(curves.to_json()))) == curves
    assert all(share_for_loss(curves, curve.name, 1.0) == SHARES[-1] for curve in curves.groups)
    assert share_for_loss(curves, "elsewhere", 0.5) == 0.0
