"""Temporary logs that an error names are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import WorkerError
from edgecnn.core.kept_log import kept_log


def _fail(log: Path) -> str | None:
    with pytest.raises(WorkerError) as caught, kept_log(log):
        raise WorkerError("it crashed", hint=f"its log: {log}")
    return caught.value.hint


def test_a_log_that_the_hint_names_is_moved_to_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    log = tmp_path / "worker.log"
    log.write_text("why")
    hint = _fail(log)
    assert hint is not None
    kept = Path(hint.removeprefix("its log: "))
    assert kept.parent == tmp_path / "home" / "logs"
    assert kept.read_text() == "why"


def test_a_log_that_cannot_be_kept_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    assert _fail(tmp_path / "missing.log") is None
