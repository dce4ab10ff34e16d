"""A detector loses channels by what its own loss says, and is taught by its features."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING

import torch

from edgecnn.core.config.training import OptimizerSettings, TrainSettings
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.models.resolve import resolve_model
from edgecnn.pruning.costs import NetworkCosts
from edgecnn.pruning.importance import score
from edgecnn.pruning.policy import Policy
from edgecnn.pruning.prune import prune
from edgecnn.pruning.recalibrate import recalibrate
from edgecnn.pruning.structure import Structure
from edgecnn.tasks.detection.training import DetectionTraining
from edgecnn.training.batches import to_input
from edgecnn.training.features import AttentionTransfer, last_of_each_resolution
from edgecnn.training.loop import train
from tests.support import boxes_data
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from pathlib import Path


def test_a_detector_is_pruned_and_trained_on(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, spec = resolve_model(
        "zoo:yolo-nano",
        arguments={"width": 0.25},
        classes=boxes_data.CLASSES,
        contract_overrides={"height": 64, "width": 64},
    )
    source = open_source(str(boxes_data.write_coco(tmp_path / "photos", 16)), cache_dir=tmp_path)
    images = prepare(source, spec.contract, tmp_path / "prepared")
    settings = TrainSettings(
        epochs=1, batch_size=8, optimizer=OptimizerSettings(lr=0.003), clip_norm=10, device="cpu"
    )
    task = DetectionTraining(images, None, settings, detector_of(spec), 2)
    example = to_input(images.images[:1], spec.contract, torch.device("cpu"))
    structure = Structure(module, example, "net")
    costs = NetworkCosts.of(module, example)
    policy = Policy("global", 4, score(structure, "taylor", task))
    pruned = prune(structure, policy, costs, metric="macs", whole=costs.total("macs"), limit=0.7)
    recalibrate(pruned.module, images)
    shapes = [output.shape for output in pruned.module(example)]
    assert shapes == [output.shape for output in module(example)], "boxes and scores keep their channels"

    places = last_of_each_resolution(pruned.module, example)
    assert len(places) >= 4
    method = AttentionTransfer(task.method(), copy.deepcopy(module), pruned.module, places, weight=1.0)
    result = train(
        pruned.module,
        task,
        settings,
        scratch=tmp_path / "s",
        progress=lambda _: None,
        method=method,
    )
    assert math.isfinite(result.history[0].loss)
