"""Fixtures of the campaigns: each has a home of edgecnn of its own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of edgecnn, so that a campaign damages nothing of the user's."""
    home = tmp_path / "home"
    monkeypatch.setenv("EDGECNN_HOME", str(home))
    return home
