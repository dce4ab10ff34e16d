"""Fixtures of the pipeline's tests: a home of its own, and folders of a few pictures to plan with."""

from pathlib import Path

import pytest

from tests.support import boxes_data


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let digests of datasets be remembered in the test's own folder."""
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="session")
def boxes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures with boxes, in VOC's layout."""
    return boxes_data.write_voc(tmp_path_factory.mktemp("boxes") / "set", 10)
