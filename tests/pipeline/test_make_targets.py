"""The places of results: nothing that edgecnn did not write is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.pipeline.make_targets import Places
from tests.support.plans import plan_document


def _document(pictures: Path) -> dict[str, Any]:
    return {
        "model": {"name": "zoo:mobilenetv2"},
        "preprocessing": {"height": 32, "width": 32},
        "data": {"train": str(pictures)},
        "targets": {"onnx-fp32": {}},
    }


def places(tmp_path: Path, picture_folder: Path) -> tuple[Places, Places]:
    """Return the places of a run and those of a lone artifact."""
    plan = plan_document(_document(picture_folder))
    return Places.of_run(tmp_path / "run", plan.pipeline), Places.of_artifact(tmp_path / "one", plan.pipeline)


def test_results_may_lie_where_there_is_nothing_or_an_older_one(tmp_path: Path, picture_folder: Path) -> None:
    for path, mark in (("run/checkpoint", "spec.json"), ("run/artifacts/onnx-fp32", "manifest.json")):
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / mark).touch()
    for each in places(tmp_path, picture_folder):
        each.make()


@pytest.mark.parametrize(
    "path",
    ["run/checkpoint", "run/artifacts/onnx-fp32", "run/rejected/onnx-fp32", "one", "one.rejected"],
)
def test_a_folder_of_the_user_is_refused_before_any_work(
    path: str, tmp_path: Path, picture_folder: Path
) -> None:
    (tmp_path / path).mkdir(parents=True)
    (tmp_path / path / "precious.txt").touch()
    run, artifact = places(tmp_path, picture_folder)
    with pytest.raises(InputError, match="is there already and is not a") as caught:
        (run if path.startswith("run") else artifact).make()
    assert caught.value.hint
    assert (tmp_path / path / "precious.txt").exists()


@pytest.mark.parametrize("path", [".", "", "..", "photos/.."])
def test_an_artifact_needs_a_name(path: str, picture_folder: Path) -> None:
    plan = plan_document(_document(picture_folder))
    with pytest.raises(UsageError, match="is no place for an artifact"):
        Places.of_artifact(Path(path), plan.pipeline)
