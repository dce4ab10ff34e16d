from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from edgecnn.core.config.training import AugmentSettings, OptimizerSettings, TrainSettings, TransferSettings
from edgecnn.core.errors import InputError, UsageError
from edgecnn.training.loop import SNAPSHOT
from tests.support.training import train_classifier as train

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.training.progress import TrainProgress

EVERYTHING = {
    "epochs": 3,
    "batch_size": 16,
    "seed": 5,
    "label_smoothing": 0.1,
    "clip_norm": 1.0,
    "ema": 0.9,
    "batch_norm_momentum": 0.2,
    "optimizer": {"name": "adamw", "lr": 0.01},
    "augment": {"pad_crop": 1, "flip": True, "randaugment": {"operations": 1}, "mixup": 0.2, "cutmix": 1.0},
    "transfer": {"frozen": ["0"], "unfreeze": {1: ["0"]}},
}


class Interrupted(Exception):
    """Stands for a kill between two steps."""


def silent(_: TrainProgress) -> None:
    pass


def assert_same_weights(left: nn.Module, right: nn.Module) -> None:
    for (name, one), other in zip(left.state_dict().items(), right.state_dict().values(), strict=True):
        assert torch.equal(one, other), f"{name} differs by up to {(one - other).abs().max()}"


def test_learns(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    network = build()
    settings = TrainSettings(epochs=8, batch_size=16, optimizer=OptimizerSettings(lr=0.02))
    result = train(
        network, make_set("train"), make_set("eval", 48), settings, scratch=tmp_path / "s", progress=silent
    )
    assert result.last_metric is not None
    assert result.best_metric is not None
    assert result.last_metric > 0.9, result.to_json()
    assert result.best_metric >= result.last_metric
    assert [epoch.epoch for epoch in result.history] == list(range(8))
    assert result.history[-1].lr == 0.0, "the cosine ends at final_lr"
    assert not network.training
    weight = network.get_parameter("0.0.weight")
    assert weight.is_contiguous(), "the layout in memory is the caller's again"


@pytest.mark.parametrize(
    "changes",
    [{}, {"ema": None, "transfer": {}, "optimizer": {"name": "sgd", "lr": 0.05}}],
    ids=["everything", "sgd"],
)
def test_resume_gives_the_same_bits(
    make_set: Callable[..., PreparedSet],
    build: Callable[..., nn.Module],
    tmp_path: Path,
    changes: dict[str, Any],
) -> None:
    train_set, eval_set = make_set("train", 70), make_set("eval", 31)
    settings = TrainSettings(**{**EVERYTHING, **changes})
    whole, broken = build(), build()
    expected = train(whole, train_set, eval_set, settings, scratch=tmp_path / "whole", progress=silent)

    def interrupt(progress: TrainProgress) -> None:
        if progress.epoch == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(broken, train_set, eval_set, settings, scratch=tmp_path / "broken", progress=interrupt)
    torch.manual_seed(99)
    resumed = build()
    with torch.no_grad():
        resumed.get_parameter("5.weight").zero_()
    seen: list[int] = []
    result = train(
        resumed,
        train_set,
        eval_set,
        settings,
        scratch=tmp_path / "broken",
        progress=lambda progress: seen.append(progress.epoch),
    )
    assert set(seen) == {2}, "finished epochs are not trained again"
    assert_same_weights(whole, resumed)
    assert [(e.loss, e.metric) for e in result.history] == [(e.loss, e.metric) for e in expected.history]


def test_finished_training_is_not_repeated(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    settings = TrainSettings(epochs=1)
    first, second = build(), build()
    train(first, make_set("train"), None, settings, scratch=tmp_path / "s", progress=silent)
    result = train(second, make_set("train"), None, settings, scratch=tmp_path / "s", progress=silent)
    assert_same_weights(first, second)
    assert result.images_per_second == 0.0
    assert result.last_metric is None


def test_same_seed_same_weights_and_other_seed_others(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    train_set = make_set("train")
    networks = []
    for index, seed in enumerate((3, 3, 4)):
        torch.manual_seed(index)
        networks.append(build())
        settings = TrainSettings(epochs=1, batch_size=16, seed=seed)
        train(networks[-1], train_set, None, settings, scratch=tmp_path / str(index), progress=silent)
    assert_same_weights(networks[0], networks[1])
    assert not torch.equal(*(networks[place].get_parameter("5.weight") for place in (0, 2)))


def test_leaves_the_callers_random_numbers_alone(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    network = build()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(network, make_set("train"), None, TrainSettings(epochs=1), scratch=tmp_path / "s", progress=silent)
    assert torch.equal(torch.rand(3), expected)


def test_frozen_parts_keep_their_bits(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    network, before = build(), build()
    settings = TrainSettings(
        epochs=2, batch_size=16, transfer=TransferSettings(frozen=("0",), freeze_batch_norm=True)
    )
    train(network, make_set("train"), None, settings, scratch=tmp_path / "s", progress=silent)
    for frozen in ("0", "1.1"):
        assert_same_weights(network.get_submodule(frozen), before.get_submodule(frozen))
    assert not torch.equal(network.get_parameter("1.0.weight"), before.get_parameter("1.0.weight"))
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_progress_has_rate_and_time_left(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    seen: list[TrainProgress] = []
    train(
        build(),
        make_set("train"),
        make_set("eval", 9),
        TrainSettings(epochs=2, batch_size=32),
        scratch=tmp_path / "s",
        progress=seen.append,
    )
    ends = [progress for progress in seen if progress.metric is not None]
    assert [(p.epoch, p.step, p.steps) for p in ends] == [(0, 3, 3), (1, 3, 3)]
    assert ends[0].seconds_left > ends[1].seconds_left == 0.0
    assert all(p.images_per_second > 0 and math.isfinite(p.loss) for p in seen)


def test_loss_that_is_not_finite_names_the_step(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    network = build(dropout=0.0)
    with torch.no_grad():
        network.get_parameter("5.weight").fill_(math.inf)
    with pytest.raises(InputError, match=r"loss is nan in epoch 0, step 0 of 3") as raised:
        train(
            network,
            make_set("train"),
            None,
            TrainSettings(epochs=1, batch_size=32),
            scratch=tmp_path / "s",
            progress=silent,
        )
    assert "lower train.optimizer.lr" in str(raised.value.hint)
    assert not (tmp_path / "s" / SNAPSHOT).exists()


def test_set_smaller_than_a_batch_is_one_batch(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    result = train(
        build(),
        make_set("train", 5),
        None,
        TrainSettings(epochs=1, batch_size=128),
        scratch=tmp_path / "s",
        progress=silent,
    )
    assert math.isfinite(result.history[0].loss)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"channels": 1}, r"does not take an input of \[1, 3, 12, 12\]"),
        ({"classes": 4}, "dataset has 3 classes, the network has 4"),
    ],
)
def test_network_that_does_not_fit(
    make_set: Callable[..., PreparedSet],
    build: Callable[..., nn.Module],
    tmp_path: Path,
    network: dict[str, int],
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        train(
            build(**network),
            make_set("train"),
            None,
            TrainSettings(epochs=1),
            scratch=tmp_path / "s",
            progress=silent,
        )


@pytest.mark.parametrize(("label", "problem"), [(-1, "no label"), (3, "label 3")])
def test_label_out_of_range(
    make_set: Callable[..., PreparedSet],
    build: Callable[..., nn.Module],
    tmp_path: Path,
    label: int,
    problem: str,
) -> None:
    bad = make_set("train", 4, labels=[0, 1, label, 2])
    with pytest.raises(InputError, match=f"image train-2.png has {problem}"):
        train(build(), bad, None, TrainSettings(epochs=1), scratch=tmp_path / "s", progress=silent)


def test_empty_set(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="train holds no image"):
        train(
            build(),
            make_set("train", 0),
            None,
            TrainSettings(epochs=1),
            scratch=tmp_path / "s",
            progress=silent,
        )


def test_network_that_is_no_classifier(make_set: Callable[..., PreparedSet], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no classifier"):
        train(
            nn.Conv2d(3, 3, 1),
            make_set("train"),
            None,
            TrainSettings(epochs=1),
            scratch=tmp_path / "s",
            progress=silent,
        )


def test_set_without_class_names(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    unnamed = replace(make_set("train"), classes=())
    settings = TrainSettings(epochs=1, augment=AugmentSettings(mixup=0.2))
    result = train(build(), unnamed, None, settings, scratch=tmp_path / "s", progress=silent)
    assert math.isfinite(result.history[0].loss)


def test_sets_of_different_preprocessing(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="prepared with different contracts"):
        train(
            build(),
            make_set("train"),
            make_set("eval", 9, channels=1),
            TrainSettings(epochs=1),
            scratch=tmp_path / "s",
            progress=silent,
        )


def test_unwritable_scratch(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        train(
            build(),
            make_set("train"),
            None,
            TrainSettings(epochs=1),
            scratch=tmp_path / "file",
            progress=silent,
        )


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_missing_gpu(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="torch finds no GPU"):
        train(
            build(),
            make_set("train"),
            None,
            TrainSettings(epochs=1, device="cuda"),
            scratch=tmp_path / "s",
            progress=silent,
        )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_trains_on_a_gpu_in_bfloat16(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    network = build()
    result = train(
        network,
        make_set("train"),
        make_set("eval", 48),
        TrainSettings(epochs=8, batch_size=16, optimizer=OptimizerSettings(lr=0.02), ema=0.9),
        scratch=tmp_path / "s",
        progress=silent,
    )
    assert result.last_metric is not None
    assert result.last_metric > 0.9
    assert {parameter.device.type for parameter in network.parameters()} == {"cpu"}


def test_a_window_has_the_schedule_of_the_whole(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    settings = TrainSettings(
        epochs=4, batch_size=16, optimizer=OptimizerSettings(name="sgd", momentum=0.0, lr=0.02)
    )
    whole, parts = build(), build()
    train_set = make_set("train")
    unbroken = train(whole, train_set, None, settings, scratch=tmp_path / "whole", progress=silent)
    rates: list[float] = []
    for window in ((0, 1), (1, 4)):
        folder = tmp_path / str(window)
        part = train(parts, train_set, None, settings, scratch=folder, progress=silent, window=window)
        rates += [epoch.lr for epoch in part.history]
    assert rates == [epoch.lr for epoch in unbroken.history]
    assert_same_weights(whole, parts)  # without momentum nothing but the weights crosses a window's border


def test_a_window_resumes_where_it_was(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    settings = TrainSettings(epochs=4, batch_size=16, ema=0.9)
    train_set = make_set("train")

    def stop(state: TrainProgress) -> None:
        if state.epoch == 3:
            raise Interrupted

    whole, broken = build(), build()
    window = (2, 4)
    train(whole, train_set, None, settings, scratch=tmp_path / "whole", progress=silent, window=window)
    with pytest.raises(Interrupted):
        train(broken, train_set, None, settings, scratch=tmp_path / "s", progress=stop, window=window)
    broken = build()
    again = train(broken, train_set, None, settings, scratch=tmp_path / "s", progress=silent, window=window)
    assert [epoch.epoch for epoch in again.history] == [2, 3]
    assert_same_weights(whole, broken)
