"""Sensitivity: the layer that quantization breaks is found, and it alone is kept in float."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgecnn.quantization.calibrated import Calibrated
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.quality import compare, measure
from edgecnn.quantization.sensitivity import choose_layers, rank_layers
from tests.support.doing import what_is_said

WORST = "features.5.0"


@pytest.fixture
def broken(checkpoint: Path, calibration: Path) -> Calibrated:
    """A network with ranges, one layer of which has lost its weights."""
    with torch.no_grad():
        opened = Calibrated.open(checkpoint, calibration, Kernels("symmetric"), 16, 0)
        opened.simulator.fit(opened.images, opened.observed)
    name = opened.simulator.placeholder(opened.graph[WORST].weight)
    opened.simulator.weights[name] = torch.zeros_like(opened.simulator.state[name])
    return opened


@torch.no_grad()
def test_the_broken_layer_ranks_first_and_is_the_one_to_leave_in_float(broken: Calibrated) -> None:
    told: list[tuple[int, int]] = []
    with what_is_said() as heard:
        ranking = rank_layers(broken, lambda done, total: told.append((done, total)))
    last = broken.graph.layers[-1].name
    assert heard.while_it_was() == f" while it was measuring the sensitivity of layer {last}"
    count = len(broken.graph.layers)
    assert told == [(number, count) for number in range(1, count + 1)]
    assert ranking[0].name == WORST
    assert min(ranking, key=lambda item: item.alone.sqnr_db).name == WORST
    before = measure(broken)
    wanted = ranking[0].without.sqnr_db
    kept, quality = choose_layers(broken, ranking, lambda now: now.sqnr_db >= wanted, most=5)
    assert kept == [WORST]
    assert quality.sqnr_db > before.sqnr_db


@torch.no_grad()
def test_no_layer_is_kept_where_none_need_be_and_no_more_than_allowed(broken: Calibrated) -> None:
    ranking = rank_layers(broken, lambda *_: None)
    assert choose_layers(broken, ranking, lambda _: True, most=5)[0] == []
    kept, _ = choose_layers(broken, ranking, lambda _: False, most=2)
    assert kept == [item.name for item in ranking[:2]]


def test_quality_counts_labelled_images_only() -> None:
    truth = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 0.0]])
    outputs = torch.tensor([[1.0, 0.0], [1.0, 0.5], [2.0, 0.0]])
    quality = compare(truth, outputs, torch.tensor([0, 0, -1]), (2,))
    assert quality.agreement == pytest.approx(2 / 3)
    assert quality.top1 == 1.0
    assert np.isfinite(quality.loss)
    unlabelled = compare(truth, outputs, torch.tensor([-1, -1, -1]), (2,)).to_json()
    assert (unlabelled["loss"], unlabelled["top1"]) == (None, None)


def test_several_outputs_have_no_best_one() -> None:
    truth, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    quality = compare(truth, truth + 0.1, labels, (1, 1))
    assert quality.sqnr_db == pytest.approx(13.98, abs=0.01)
    assert np.isnan([quality.agreement, quality.loss, quality.top1]).all()
