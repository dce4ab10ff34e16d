import shutil
from pathlib import Path

import pytest

from edgecnn.core.config import paths
from edgecnn.core.errors import InputError, MissingDependency
from edgecnn.core.toolchains.environment import COMPLETE, Environment, require
from edgecnn.core.toolchains.install import install, remove


def test_installed_as_pinned_and_a_second_time_for_nothing(
    npu_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(npu_home))
    mark = require("vela").directory / COMPLETE
    before = mark.stat().st_mtime_ns
    assert install("vela").differences() == []
    assert mark.stat().st_mtime_ns == before, "what is there is not made again"


def test_removed_and_made_anew(npu_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    environment = Environment.of("vela")
    environment.directory.mkdir(parents=True)
    (environment.directory / "left-over-of-a-killed-installation").touch()
    assert install("vela").installed
    assert not (environment.directory / "left-over-of-a-killed-installation").exists()
    shutil.rmtree(next(environment.directory.glob("lib/python3*/site-packages/flatbuffers-*.dist-info")))
    with pytest.raises(MissingDependency, match="flatbuffers is missing"):
        require("vela")
    assert install("vela").differences() == []
    assert remove("vela") is True
    assert remove("vela") is False
    assert not environment.directory.exists()


def test_a_package_that_cannot_be_had_is_exit_code_5_and_leaves_nothing_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = "package: edgecnn-no-such-tool\nrequirements: {edgecnn-no-such-tool: '1.0'}\n"
    (tmp_path / "bad.yaml").write_text(f"description: x\nlicence: MIT\n{pins}")
    monkeypatch.setattr(paths, "builtin_dir", lambda _: tmp_path)
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    with pytest.raises(MissingDependency, match="toolchain 'bad' could not be installed") as caught:
        install("bad")
    assert (tmp_path / "home" / "toolchains" / "bad.log").name in str(caught.value.hint)
    assert not Environment.of("bad").installed


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "file"))
    with pytest.raises(InputError, match="cannot be written"):
        install("vela")
