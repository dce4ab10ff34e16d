"""Stages ``prune`` and ``prune-sensitivity``: what a child process writes, called in this process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.documents.pruning import PruningStep, SensitivityCurves
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.pipeline.stages.prune import (
    CURVES,
    REPORT,
    PruneParameters,
    PruneRequest,
    SensitivityRequest,
    measure,
    prune,
)
from tests.support.mobilenetv2 import SIZE, mobilenetv2

CLASSES = "abcd"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, *mobilenetv2(CLASSES))
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Path:
    folder = tmp_path_factory.mktemp("images")
    pixels = np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8)
    names = tuple(f"{index}.png" for index in range(8))
    contract = load_checkpoint(checkpoint)[1].contract
    PreparedSet.write(
        folder, pixels, np.arange(8) % len(CLASSES), classes=tuple(CLASSES), names=names, contract=contract
    )
    return folder


def pruned(
    checkpoint: Path,
    images: Path,
    out: Path,
    limit: float,
    *,
    original: Path | None = None,
    strict: bool = True,
) -> PruningStep:
    out.mkdir()
    how = PruneParameters(metric="macs", limit=limit, importance="l2", scope="global", multiple=4)
    return prune(PruneRequest(checkpoint, original or checkpoint, images, None, out, how, strict))


def test_the_checkpoint_has_the_widths_of_the_report(checkpoint: Path, images: Path, tmp_path: Path) -> None:
    report = pruned(checkpoint, images, tmp_path / "out", 0.6)
    assert 0.4 < report.macs.after / report.macs.before <= 0.6
    assert report.params.after < report.params.before
    module, spec = load_checkpoint(tmp_path / "out")
    assert sum(value.numel() for value in module.parameters()) == report.params.after
    assert spec.weights == "pruned by this pipeline"
    assert any(group.after < group.before for group in report.groups)
    assert all(group.after % 4 == 0 for group in report.groups if group.after < group.before)
    written = json.loads((tmp_path / "out" / REPORT).read_text())
    assert PruningStep.from_json(written, REPORT) == report


def test_shares_of_a_second_pruning_are_shares_of_the_unpruned_network(
    checkpoint: Path, images: Path, tmp_path: Path
) -> None:
    first = pruned(checkpoint, images, tmp_path / "first", 0.8)
    second = pruned(tmp_path / "first", images, tmp_path / "second", 0.6, original=checkpoint)
    assert second.macs.before == first.macs.before
    assert second.macs.after < first.macs.after
    assert 0.8 * 0.6 < second.macs.after / second.macs.before <= 0.6


def test_a_limit_out_of_reach_is_an_error_only_where_it_must_hold(
    checkpoint: Path, images: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="with every layer at its smallest width"):
        pruned(checkpoint, images, tmp_path / "strict", 0.0001)
    assert not list((tmp_path / "strict").iterdir())
    assert pruned(checkpoint, images, tmp_path / "nearest", 0.0001, strict=False).at_least


def test_sensitivities_are_written_for_every_group(checkpoint: Path, images: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    measure(
        SensitivityRequest(checkpoint, images, tmp_path, "l2"), lambda done, total: seen.append((done, total))
    )
    found = SensitivityCurves.from_json(json.loads((tmp_path / CURVES).read_text()), CURVES)
    assert (found.metric, found.images) == ("top1", 8)
    assert seen[-1] == (len(found.groups), len(found.groups))
