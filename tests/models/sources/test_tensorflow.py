"""The source of TensorFlow's files, as far as it needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, MissingDependency, UsageError
from edgecnn.models.registry import find_source
from edgecnn.models.source import ModelRequest
from edgecnn.models.sources.tensorflow import TensorFlowSource

SOURCE = TensorFlowSource()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that begins as a TFLite file does."""
    path = tmp_path / "net.v2.tflite"
    path.write_bytes(b"\x1c\x00\x00\x00TFL3" + b"\x00" * 64)
    return path


def test_files_and_folders_are_its_own(file: Path, tmp_path: Path) -> None:
    (tmp_path / "saved.1").mkdir()
    (tmp_path / "saved.1" / "saved_model.pb").touch()
    for reference in (str(file), "gone.keras", "gone.h5", str(tmp_path / "saved.1")):
        assert isinstance(find_source(reference), TensorFlowSource)
    assert not SOURCE.takes("zoo:tflite")
    assert SOURCE.run_name(str(file)) == "net.v2"
    assert SOURCE.run_name(str(tmp_path / "saved.1")) == "saved.1"


def test_without_the_toolchain_one_line_says_what_installs_it(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    with pytest.raises(MissingDependency, match="'tensorflow' is not installed") as found:
        SOURCE.content(str(file), pretrained=False)
    assert found.value.hint == "edgecnn toolchain install tensorflow"


def test_a_wrong_file_is_named_before_the_toolchain_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    with pytest.raises(UsageError, match="does not exist"):
        SOURCE.content(str(tmp_path / "gone.keras"), pretrained=False)
    (tmp_path / "text.h5").write_text("no network at all")
    with pytest.raises(InputError, match="neither a TFLite nor a Keras file"):
        SOURCE.content(str(tmp_path / "text.h5"), pretrained=False)


def test_what_a_file_does_not_take_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="width"):
        SOURCE.resolve(ModelRequest(str(file), arguments={"width": 0.5}))
    with pytest.raises(UsageError, match="has weights of its own"):
        SOURCE.resolve(ModelRequest(str(file), weights=Path("other.safetensors")))
