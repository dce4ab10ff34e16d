"""TensorFlow's toolchain and the small files that it writes, both made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.child import run
from edgecnn.core.config import paths
from edgecnn.core.errors import MissingDependency
from edgecnn.core.process import quiet_environment
from edgecnn.core.toolchains.environment import require
from edgecnn.core.toolchains.install import install

WRITER = Path(__file__).parents[2] / "support" / "tensorflow_files.py"


@pytest.fixture(scope="session")
def tensorflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of edgecnn with TensorFlow's toolchain: the user's, or one made for the tests."""
    try:
        require("tensorflow")
        return paths.home()
    except MissingDependency:
        home = tmp_path_factory.mktemp("tensorflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        try:
            install("tensorflow")
        except MissingDependency as error:
            pytest.skip(f"no TensorFlow: {error}")
    return home


@pytest.fixture(scope="session")
def tensorflow_files(tensorflow_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of small files that ``tests/support/tensorflow_files.py`` writes."""
    folder = tmp_path_factory.mktemp("tensorflow-files")
    python = tensorflow_home / "toolchains" / "tensorflow" / "bin" / "python"
    with (folder / "log").open("wb") as log:
        ended = run(
            [str(python), str(WRITER), str(folder)],
            timeout=600,
            stdout=log,
            stderr=log,
            env={**quiet_environment(), "CUDA_VISIBLE_DEVICES": "-1", "PATH": "/usr/bin:/bin"},
        )
    assert ended.returncode == 0, (folder / "log").read_text()[-2000:]
    return folder


@pytest.fixture
def with_tensorflow(tensorflow_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let edgecnn find the toolchain in this test."""
    monkeypatch.setenv("EDGECNN_HOME", str(tensorflow_home))
