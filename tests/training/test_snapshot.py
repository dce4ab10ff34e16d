from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from edgecnn.core.config.training import OptimizerSettings
from edgecnn.core.documents.training import EpochSummary
from edgecnn.training.optimizer import build_optimizer
from edgecnn.training.snapshot import TrainingState, load_snapshot, save_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import JsonValue
    from torch import nn

IDENTITY: dict[str, JsonValue] = {"settings": {"epochs": 3}}
HISTORY = [
    EpochSummary(epoch=0, loss=1.25, lr=0.1, seconds=2.0, metric=None),
    EpochSummary(epoch=1, loss=0.5, lr=0.05, seconds=2.5, metric=0.75),
]


def make_state(network: nn.Module, average: nn.Module | None) -> TrainingState:
    """A state after two steps, so that the optimizer has one too."""
    network = network.to(memory_format=torch.channels_last)
    optimizer = build_optimizer(network, OptimizerSettings())
    for _ in range(2):
        network(torch.rand(4, 3, 12, 12)).square().sum().backward()
        optimizer.step()
    return TrainingState(network, average, optimizer)


def test_round_trip_keeps_every_bit_and_layout(build: Callable[..., nn.Module], tmp_path: Path) -> None:
    state = make_state(build(), build())
    path = tmp_path / "deep" / "training.safetensors"
    save_snapshot(path, IDENTITY, HISTORY, state)
    network = build().to(memory_format=torch.channels_last)
    fresh = TrainingState(network, build(), build_optimizer(network, OptimizerSettings()))
    assert load_snapshot(path, IDENTITY, fresh) == HISTORY
    expected, restored = state.tensors(), fresh.tensors()
    assert expected.keys() == restored.keys()
    for name, value in expected.items():
        assert torch.equal(value, restored[name]), name
        assert value.stride() == restored[name].stride(), name
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name], "no partial file is left"


def test_no_snapshot_is_a_fresh_start(build: Callable[..., nn.Module], tmp_path: Path) -> None:
    state = make_state(build(), None)
    assert load_snapshot(tmp_path / "none.safetensors", IDENTITY, state) == []


def test_partial_file_of_a_killed_run_is_ignored(build: Callable[..., nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    state = make_state(build(), None)
    save_snapshot(path, IDENTITY, HISTORY[:1], state)
    path.with_name(f".{path.name}.1.tmp").write_bytes(b"half")
    assert load_snapshot(path, IDENTITY, state) == HISTORY[:1]
    save_snapshot(path, IDENTITY, HISTORY, state)
    assert load_snapshot(path, IDENTITY, state) == HISTORY


def test_the_snapshot_of_another_training_is_not_used(
    build: Callable[..., nn.Module], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "training.safetensors"
    state = make_state(build(), None)
    save_snapshot(path, IDENTITY, HISTORY, state)
    assert load_snapshot(path, {"settings": {"epochs": 4}}, state) == []
    assert "other settings, data or network" in capsys.readouterr().err


@pytest.mark.parametrize("keep", [0, 7, 300, -1])
def test_a_cut_file_is_not_used(build: Callable[..., nn.Module], tmp_path: Path, keep: int) -> None:
    path = tmp_path / "training.safetensors"
    state = make_state(build(), None)
    save_snapshot(path, IDENTITY, HISTORY, state)
    path.write_bytes(path.read_bytes()[:keep])
    assert load_snapshot(path, IDENTITY, state) == []


def test_a_folder_in_its_place_is_not_used_and_replaced(
    build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    path = tmp_path / "training.safetensors"
    (path / "deep").mkdir(parents=True)
    state = make_state(build(), None)
    assert load_snapshot(path, IDENTITY, state) == []
    save_snapshot(path, IDENTITY, HISTORY, state)
    assert load_snapshot(path, IDENTITY, state) == HISTORY


def test_no_flipped_bit_changes_what_is_resumed(build: Callable[..., nn.Module], tmp_path: Path) -> None:
    path = tmp_path / "training.safetensors"
    state = make_state(build(), build())
    save_snapshot(path, IDENTITY, HISTORY, state)
    whole = path.read_bytes()
    expected = {name: value.clone() for name, value in state.tensors().items()}
    used = 0
    for place in {*range(0, len(whole), max(1, len(whole) // 300)), *range(0, 1200, 7)}:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        if load_snapshot(path, IDENTITY, state) == HISTORY:
            used += 1
            assert all(torch.equal(value, expected[name]) for name, value in state.tensors().items()), place
        else:
            assert load_snapshot(path, IDENTITY, state) == [], place
    assert used < 5, "only blanks between the header's parts say nothing"


def test_a_foreign_file_or_an_older_one_is_not_used(tmp_path: Path, build: Callable[..., nn.Module]) -> None:
    state = make_state(build(), None)
    metadata = [None, {"edgecnn.training": "[" * 100000}, {"edgecnn.training": "3"}]
    older = json.dumps({"schema": 1, "identity": IDENTITY, "history": []})
    for number, header in enumerate([*metadata, {"edgecnn.training": older}]):
        save_file({"x": torch.zeros(1)}, tmp_path / f"{number}.safetensors", metadata=header)
        assert load_snapshot(tmp_path / f"{number}.safetensors", IDENTITY, state) == []
