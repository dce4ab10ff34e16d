"""Stage ``finetune``: an epoch of further training, with and without the unpruned network as teacher."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgecnn.core.config.pruning import PruneDistillSettings
from edgecnn.core.config.training import OptimizerSettings, TrainSettings
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.pipeline.stages.finetune import FINETUNE, FinetuneParameters
from tests.support.mobilenetv2 import mobilenetv2
from tests.support.stages import context, prepare_pictures

SETTINGS = TrainSettings(epochs=1, batch_size=6, optimizer=OptimizerSettings(lr=0.01), device="cpu")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, *mobilenetv2("abc"))
    return folder


def finetuned(checkpoint: Path, folder: Path, distill: PruneDistillSettings | None) -> Path:
    contract = load_checkpoint(checkpoint)[1].contract
    images = prepare_pictures(folder / "images", contract).directory
    places = context(folder / "stage")
    inputs = {"checkpoint": checkpoint, "teacher": checkpoint, "train": images, "eval": images}
    parameters = FinetuneParameters(SETTINGS, distill, (0, 1), "trained further")
    FINETUNE.run(inputs, parameters, places)
    assert places.costs["train"]["wall_s"] >= 0
    assert places.notes.keys() >= {"training", "threads"}
    return places.out


def weights(checkpoint: Path) -> torch.Tensor:
    return torch.cat([value.detach().ravel() for value in load_checkpoint(checkpoint)[0].parameters()])


def test_a_teacher_changes_what_is_learnt(checkpoint: Path, tmp_path: Path) -> None:
    alone = finetuned(checkpoint, tmp_path / "alone", None)
    again = finetuned(checkpoint, tmp_path / "again", None)
    logits = finetuned(checkpoint, tmp_path / "logits", PruneDistillSettings(weight=0.9))
    maps = finetuned(checkpoint, tmp_path / "maps", PruneDistillSettings(weight=0, features=50))
    before, after = weights(checkpoint), weights(alone)
    assert not torch.equal(before, after)
    assert torch.equal(after, weights(again)), "the same settings give the same bits"
    for taught in (logits, maps):
        assert not torch.equal(after, weights(taught))
    assert load_checkpoint(alone)[1].weights == "trained further"
