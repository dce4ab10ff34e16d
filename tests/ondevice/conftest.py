"""A package's files, as they lie on the device."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_package import write_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a package of the tiny int8 network."""
    return write_bundle(tmp_path_factory.mktemp("bundle"))
