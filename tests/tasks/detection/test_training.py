"""The one training loop teaches a detector: from pictures with boxes to a network that finds them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from edgecnn.core.config.training import (
    AugmentSettings,
    BoxAugmentSettings,
    OptimizerSettings,
    TrainSettings,
    TransferSettings,
)
from edgecnn.core.errors import InputError, UsageError
from edgecnn.data.objects import Objects
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.models.detection_network import detection
from edgecnn.models.resolve import resolve_model
from edgecnn.ondevice.detector import Detector, Level
from edgecnn.tasks.detection.average_precision import average_precision
from edgecnn.tasks.detection.batch import BoxBatches, Boxes
from edgecnn.tasks.detection.loss import DetectionLoss
from edgecnn.tasks.detection.ssd_loss import SsdLoss
from edgecnn.tasks.detection.training import DetectionTraining, detect
from edgecnn.training.loop import train
from tests.support import boxes_data
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from edgecnn.core.documents.training import EpochSummary, TrainingSummary
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.spec import ModelSpec

AUGMENT = AugmentSettings(
    flip=True, boxes=BoxAugmentSettings(mosaic=0.3, scale=(0.8, 1.2), hsv=(0.01, 0.2, 0.2), mixup=0.1)
)
YOLOX = Detector((Level(8, boxes=0, scores=1, objectness=2),), "yolox")
SETTINGS = TrainSettings(
    epochs=1,
    batch_size=8,
    optimizer=OptimizerSettings(lr=0.003),
    clip_norm=10,
    batch_norm_momentum=0.2,
    augment=AUGMENT,
)


@pytest.fixture(scope="module")
def network() -> tuple[nn.Module, ModelSpec]:
    torch.manual_seed(0)
    return resolve_model(
        "zoo:yolo-nano",
        arguments={"width": 0.25},
        classes=boxes_data.CLASSES,
        contract_overrides={"height": 64, "width": 64},
    )


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, network: tuple[nn.Module, ModelSpec]) -> list[PreparedSet]:
    folder = tmp_path_factory.mktemp("boxes")
    found = []
    for name, count in (("train", 48), ("eval", 8)):
        source = open_source(str(boxes_data.write_coco(folder / name, count)), cache_dir=folder)
        found.append(prepare(source, network[1].contract, folder / f"{name}-prepared"))
    return found


def make_task(sets: list[PreparedSet], spec: ModelSpec, settings: TrainSettings) -> DetectionTraining:
    return DetectionTraining(sets[0], sets[1], settings, detector_of(spec), 2)


def test_the_loss_falls_and_a_killed_training_goes_on(
    tmp_path: Path, network: tuple[nn.Module, ModelSpec], sets: list[PreparedSet]
) -> None:
    module, spec = network
    settings = SETTINGS.model_copy(update={"epochs": 3})
    state = {name: value.clone() for name, value in module.state_dict().items()}

    def run(folder: str, settings: TrainSettings) -> tuple[TrainingSummary, dict[str, torch.Tensor]]:
        module.load_state_dict(state)
        task = make_task(sets, spec, settings)
        done = train(module, task, settings, scratch=tmp_path / folder, progress=lambda _: None)
        return done, {name: value.clone() for name, value in module.state_dict().items()}

    whole, expected = run("whole", settings)
    assert whole.metric == "ap50"
    assert whole.history[-1].loss < whole.history[0].loss, whole.to_json()
    assert whole.last_metric is not None

    # The history of the first two epochs alone, as a kill leaves it.
    from edgecnn.training import loop

    saved = loop._Run.save
    epochs = []

    def interrupted(self: loop._Run, snapshot: Path, history: list[EpochSummary]) -> None:
        saved(self, snapshot, history)
        epochs.append(len(history))
        if len(history) == 2 and epochs.count(2) == 1:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Run, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run("killed", settings)
    again, found = run("killed", settings)
    assert [epoch.loss for epoch in again.history] == [epoch.loss for epoch in whole.history]
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


@pytest.mark.slow
def test_it_learns_to_find_shapes(
    tmp_path: Path, network: tuple[nn.Module, ModelSpec], sets: list[PreparedSet]
) -> None:
    module, spec = network
    settings = SETTINGS.model_copy(update={"epochs": 40, "augment": SETTINGS.augment})
    done = train(
        module,
        make_task(sets, spec, settings),
        settings,
        scratch=tmp_path,
        progress=lambda _: None,
    )
    assert done.last_metric is not None
    assert done.last_metric > 0.6, done.to_json()


def test_the_loss_is_least_where_the_outputs_are_right(
    network: tuple[nn.Module, ModelSpec], sets: list[PreparedSet]
) -> None:
    """Outputs that say exactly what is labelled cost less than those with a box moved or a class swapped."""
    _, spec = network
    images, targets = BoxBatches(sets[1], TrainSettings(epochs=1).augment).batch(
        np.arange(8), torch.device("cpu"), composed=False
    )
    method = DetectionLoss(detector_of(spec))

    def outputs(*, shift: float = 0.0, swap: bool = False) -> tuple[torch.Tensor, ...]:
        maps = []
        for level in detector_of(spec).levels:
            side = int(64 / level.stride)
            boxes, scores = torch.zeros(8, 4, 8, side, side), torch.full((8, 2, side, side), -8.0)
            for index, target in enumerate(targets):
                for corners, label in zip(target.corners, target.labels, strict=True):
                    center = (corners[:2] + corners[2:]) / 2
                    x, y = (center / level.stride).long().clamp(max=side - 1).tolist()
                    middle = (torch.tensor([x, y]) + 0.5) * level.stride
                    sides = torch.cat([middle - corners[:2], corners[2:] - middle]) / level.stride + shift
                    low = sides.clamp(0, 6.99).floor().long()
                    part = sides.clamp(0, 6.99) - low
                    boxes[index, :, :, y, x] = -20.0
                    for edge in range(4):
                        boxes[index, edge, low[edge], y, x] = float(torch.log(1 - part[edge] + 1e-6))
                        boxes[index, edge, low[edge] + 1, y, x] = float(torch.log(part[edge] + 1e-6))
                    scores[index, 1 - int(label) if swap else int(label), y, x] = 8.0
            maps += [boxes.flatten(1, 2), scores]
        return tuple(maps)

    right = float(method.loss(images, outputs(), targets))
    assert right < float(method.loss(images, outputs(shift=0.7), targets))
    assert right < 0.5 * float(method.loss(images, outputs(swap=True), targets))


def test_images_without_boxes_have_a_finite_loss(
    network: tuple[nn.Module, ModelSpec], sets: list[PreparedSet]
) -> None:
    module, spec = network
    images, targets = BoxBatches(sets[1], SETTINGS.augment).batch(
        np.arange(2), torch.device("cpu"), composed=False
    )
    empty = [Boxes(target.corners[:0], target.labels[:0], target.ignored) for target in targets]
    loss = DetectionLoss(detector_of(spec)).loss(images, module(images), empty)
    torch.autograd.backward(loss)
    assert torch.isfinite(loss)
    module.zero_grad()


def test_a_cell_in_a_crowd_learns_nothing_but_a_box(
    network: tuple[nn.Module, ModelSpec], sets: list[PreparedSet]
) -> None:
    """False scores cost nothing in a crowd but elsewhere; a box in the crowd is still learnt."""
    _, spec = network
    crowd, images = torch.tensor([[32.0, 32.0, 64.0, 64.0]]), torch.zeros(1, 3, 64, 64)
    boxes, labels = torch.tensor([[4.0, 4.0, 24.0, 24.0], [34.0, 34.0, 46.0, 46.0]]), torch.tensor([0, 1])
    method = DetectionLoss(detector_of(spec))

    def outputs(*, fires: tuple[int, int] | None = None) -> tuple[torch.Tensor, ...]:
        maps = [torch.zeros(1, channels, side, side) for side in (8, 4, 2) for channels in (32, 2)]
        if fires is not None:
            maps[1][0, 0, fires[0], fires[1]] = 9.0
        return tuple(value.requires_grad_() for value in maps)

    def loss(boxes: Boxes, **fires: tuple[int, int]) -> float:
        return method.loss(images, outputs(**fires), [boxes]).item()

    hidden = Boxes(boxes[:1], labels[:1], crowd)
    seen = Boxes(boxes[:1], labels[:1], crowd[:0])
    assert loss(hidden, fires=(6, 6)) == loss(hidden)
    assert loss(hidden, fires=(6, 1)) > loss(hidden) + 1.0
    assert loss(seen, fires=(6, 6)) > loss(seen) + 1.0

    maps = outputs()
    torch.autograd.backward(method.loss(images, maps, [Boxes(boxes, labels, crowd)]))
    assert maps[1].grad is not None
    learnt = maps[1].grad[0].abs().sum(0) > 0
    assert learnt[4:6, 4:6].any(), "the box in the crowd"
    assert not learnt[6:, 6:].any()
    assert learnt[:4].all()
    assert learnt[:, :4].all()


def test_crowds_come_with_the_batch_and_are_not_among_its_boxes(sets: list[PreparedSet]) -> None:
    objects = sets[0].objects
    assert objects is not None
    crowded = Objects(
        tuple(dataclasses.replace(image, ignored=image.labels == 1) for image in objects.images)
    )
    prepared = dataclasses.replace(sets[0], objects=crowded)
    chosen = AugmentSettings(boxes=BoxAugmentSettings(multi_scale=0.5))
    crowds = 0
    for seed in range(3):
        torch.manual_seed(seed)
        images, targets = BoxBatches(prepared, chosen).batch(
            np.arange(8), torch.device("cpu"), composed=False
        )
        torch.manual_seed(seed)
        _, all_learnt = BoxBatches(sets[0], chosen).batch(np.arange(8), torch.device("cpu"), composed=False)
        for target, whole in zip(targets, all_learnt, strict=True):
            assert (target.labels == 0).all()
            assert torch.equal(target.ignored, whole.corners[whole.labels == 1])
            assert (target.ignored <= images.shape[3]).all()
            crowds += len(target.ignored)
    assert crowds > 0


def test_batches_repeat_and_change_their_size(sets: list[PreparedSet]) -> None:
    chosen = SETTINGS.augment.model_copy(
        update={"boxes": SETTINGS.augment.boxes.model_copy(update={"multi_scale": 0.5})}
    )
    batches = BoxBatches(sets[0], chosen)
    seen = set()
    for seed in range(6):
        torch.manual_seed(seed)
        images, targets = batches.batch(np.arange(4), torch.device("cpu"), composed=True)
        torch.manual_seed(seed)
        again, _ = batches.batch(np.arange(4), torch.device("cpu"), composed=True)
        assert torch.equal(images, again)
        seen.add(tuple(images.shape[2:]))
        for target in targets:
            assert (target.corners <= images.shape[3] + 1e-3).all()
    assert seen <= {(32, 32), (64, 64), (96, 96)}
    assert len(seen) > 1


def test_what_cannot_be_trained_is_refused(
    network: tuple[nn.Module, ModelSpec], sets: list[PreparedSet]
) -> None:
    module, spec = network
    settings = SETTINGS.model_copy(update={"augment": SETTINGS.augment.model_copy(update={"cutmix": 1.0})})
    with pytest.raises(UsageError, match=r"train.augment.cutmix is for classifiers"):
        make_task(sets, spec, settings).begin(module, torch.device("cpu"))
    with pytest.raises(UsageError, match="boxes of the coding 'yolox' cannot be trained"):
        make_task(sets, spec.model_copy(update={"task": detection(YOLOX)}), SETTINGS).method()
    with pytest.raises(InputError, match="has 2 classes, the network has 3"):
        DetectionTraining(sets[0], sets[1], SETTINGS, detector_of(spec), 3).begin(module, torch.device("cpu"))


@pytest.fixture(scope="module")
def ssdlite() -> tuple[nn.Module, ModelSpec]:
    torch.manual_seed(0)
    return resolve_model(
        "zoo:ssdlite320-mobilenetv3-large",
        classes=("raccoon",),
        contract_overrides={"height": 96, "width": 96},
    )


def test_prior_boxes_learn_four_photos_by_heart(
    tmp_path: Path, ssdlite: tuple[nn.Module, ModelSpec], shared_data: Path
) -> None:
    module, spec = ssdlite
    source = open_source(str(shared_data / "raccoon"), cache_dir=tmp_path)
    photos = prepare(source, spec.contract, tmp_path / "prepared", limit=4)
    settings = TrainSettings(
        epochs=18, batch_size=4, optimizer=OptimizerSettings(lr=0.004), clip_norm=10, batch_norm_momentum=0.2
    )
    task = DetectionTraining(photos, None, settings, detector_of(spec), 1)
    assert isinstance(task.method(), SsdLoss)

    def ap50() -> float:
        found = detect(module, detector_of(spec), photos, batch_size=4, device=torch.device("cpu"))
        assert photos.objects is not None
        return average_precision(found, photos.objects).ap50

    before = ap50()
    done = train(module, task, settings, scratch=tmp_path, progress=lambda _: None)
    assert done.history[-1].loss < 0.25 * done.history[0].loss, done.to_json()
    assert before < 0.1
    assert ap50() > 0.4, "no photo's raccoon is found at an IoU of one half"


def test_a_batch_of_one_is_refused_where_a_map_has_one_cell(
    tmp_path: Path, ssdlite: tuple[nn.Module, ModelSpec]
) -> None:
    module, spec = ssdlite
    photo = open_source(str(boxes_data.write_coco(tmp_path / "photo", 1)), cache_dir=tmp_path)
    prepared = prepare(photo, spec.contract, tmp_path / "prepared")
    frozen = SETTINGS.model_copy(update={"transfer": TransferSettings(freeze_batch_norm=True)})
    with pytest.raises(UsageError, match=r"output 6 has one cell, which a batch of one image cannot train"):
        DetectionTraining(prepared, None, SETTINGS, detector_of(spec), 2).begin(module, torch.device("cpu"))
    DetectionTraining(prepared, None, frozen, detector_of(spec), 2).begin(module, torch.device("cpu"))
