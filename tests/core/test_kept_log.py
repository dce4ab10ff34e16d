"""Logs in temporary folders are kept if an error names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import WorkerError
from edgecnn.core.kept_log import temporary_folder


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))


def fail(write: bool, hint: str) -> None:
    with temporary_folder("eval") as folder:
        log = folder / "worker.log"
        if write:
            log.write_text("why")
        raise WorkerError(f"it crashed in {folder}", hint=hint.format(log=log))


def failed(write: bool, hint: str = "its log: {log}") -> str | None:
    with pytest.raises(WorkerError) as caught:
        fail(write, hint)
    assert not Path(caught.value.message.rpartition(" ")[2]).exists()
    return caught.value.hint


def test_a_log_that_the_hint_names_is_moved_to_the_home(tmp_path: Path) -> None:
    for hint in ("its log: {log}", "report it with the log {log}; its log: {log}"):
        said = failed(True, hint)
        assert said is not None
        kept = Path(said.rpartition(" ")[2])
        assert kept.parent == tmp_path / "home" / "logs"
        assert kept.read_text() == "why"
        assert said.count(str(kept)) == hint.count("{log}")


def test_a_log_that_cannot_be_kept_is_not_named() -> None:
    assert failed(False) is None


def test_other_hints_and_endings_are_left_alone(tmp_path: Path) -> None:
    assert failed(True, "try again") == "try again"
    with temporary_folder("eval") as folder:
        (folder / "worker.log").write_text("nothing")
    assert not folder.exists()
    assert not (tmp_path / "home").exists()
