"""Tests of users' mistakes: one line, a hint, the exit code, and no data lost."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.errors import EdgecnnError, InputError
from edgecnn.pipeline.publish import TargetResult
from edgecnn.pipeline.run import RunResult
from tests.ui.api.conftest import blank

FACTORY = """
import torch
from torch import nn

def small(classes: int = 3) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    )

def fixed(classes: int = 3) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, classes))
"""


@pytest.fixture
def factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A network of the user's own, by its ``python:`` name."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mynets.py").write_text(FACTORY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "code"))
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    return "python:mynets:small"


def export(
    model: str, out: Path, *, target: str = "onnx-fp32", overrides: tuple[str, ...] = (), **options: object
) -> TargetResult:
    size = ("preprocessing={height: 32, width: 32, resize: squash}", "benchmark=null")
    result: TargetResult = edgecnn.export(model, target, out=out, overrides=(*size, *overrides), **options)
    return result


def refused(result: TargetResult) -> EdgecnnError:
    assert not result.ships
    assert result.error is not None
    assert "\n" not in result.error.message
    return result.error


def test_a_network_of_ones_own_is_exported(factory: str, photos: Path, tmp_path: Path) -> None:
    result = export(factory, tmp_path / "out", calibration=str(photos))
    assert result.ships, result.error
    assert edgecnn.inspect(tmp_path / "out")["precision"] == "fp32"


def test_a_missing_or_empty_dataset_is_named(factory: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        export(factory, tmp_path / "out", calibration="nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        export(factory, tmp_path / "out", calibration=str(tmp_path / "empty"))
    (tmp_path / "empty.csv").write_text("path,label\n")
    with pytest.raises(InputError, match=r"empty\.csv"):
        export(factory, tmp_path / "out", calibration=str(tmp_path / "empty.csv"))


def test_a_label_out_of_range_is_named(factory: str, photos: Path, tmp_path: Path) -> None:
    manifest = photos / "labels.csv"
    manifest.write_text("path,label\nbars/00.png,0\ndisc/00.png,7\n")
    result = export(factory, tmp_path / "out", calibration=str(photos), data=str(manifest))
    assert "label 7" in refused(result).message


def test_int8_without_real_images_is_refused(factory: str, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs real images to estimate its int8 ranges") as caught:
        export(factory, tmp_path / "out", target="tflite-int8", data=str(photos))
    assert "--calibration" in (caught.value.hint or "")
    with pytest.raises(InputError, match="no images to verify"):
        export(factory, tmp_path / "out")


def test_calibration_images_of_one_colour_are_refused(factory: str, tmp_path: Path) -> None:
    folder = blank(tmp_path / "blank")
    error = refused(export(factory, tmp_path / "out", target="onnx-int8", calibration=str(folder)))
    assert "of one colour" in error.message


def test_an_input_size_that_does_not_fit_is_refused(factory: str, photos: Path, tmp_path: Path) -> None:
    error = refused(
        export(
            "python:mynets:fixed",
            tmp_path / "out",
            calibration=str(photos),
            overrides=("preprocessing={height: 48, width: 48}",),
        )
    )
    assert error.exit_code == 2
    assert "48" in error.message


def test_an_output_that_cannot_be_written_is_known_before_the_work(
    factory: str, photos: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as caught:
        export(factory, tmp_path / "file" / "out", calibration=str(photos))
    assert "--out" in (caught.value.hint or "")


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, ("touch exploded",))


def test_a_checkpoint_that_holds_a_pickle_is_not_opened(
    finished: RunResult, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    spec = (finished.directory / "checkpoint" / "spec.json").read_text()
    (checkpoint / "spec.json").write_text(spec)
    (checkpoint / "model.pth").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="holds a pickle"):
        export(str(checkpoint), tmp_path / "out", calibration=str(photos))
    weights = tmp_path / "weights.pth"
    weights.write_bytes(pickle.dumps(Bomb()))
    error = refused(
        export("zoo:mobilenetv2", tmp_path / "out", calibration=str(photos), weights=str(weights))
    )
    assert "weights.pth" in error.message
    assert not (tmp_path / "exploded").exists(), "a pickle was executed"


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite", "model.xml"])
def test_a_truncated_or_foreign_model_file_is_named(finished: RunResult, tmp_path: Path, name: str) -> None:
    target = {"model.onnx": "onnx-int8", "model.tflite": "tflite-int8", "model.xml": "openvino-int8"}[name]
    folder = finished.directory / "artifacts" / target
    for file in folder.glob("model.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    data = (folder / name).read_bytes()
    for content in (data[: len(data) // 3], b"", b"GIF89a" + bytes(300)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=name.replace(".", r"\.")):
            edgecnn.inspect(tmp_path / name)


def test_a_checkpoint_exports_for_another_target(finished: RunResult, photos: Path, tmp_path: Path) -> None:
    result = export(str(finished.directory / "checkpoint"), tmp_path / "out", calibration=str(photos))
    assert result.ships, result.error


def test_a_full_disk_is_named_and_nothing_is_lost(factory: str, photos: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system cannot be mounted here (root is needed)")
    try:
        environment = {**os.environ, "EDGECNN_HOME": str(small)}
        command = [sys.executable, "-m", "edgecnn.ui.cli.main", "export", factory, "-t", "onnx-fp32"]
        command += ["--calibration", str(photos), "--out", str(tmp_path / "out")]
        finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert finished.returncode == 2, finished.stderr
    assert "of free space, and a run needs" in finished.stderr, "it is said before the work"
    assert "Traceback" not in finished.stderr


def test_ctrl_c_keeps_what_is_finished_and_training_goes_on_from_its_epoch(
    pipeline_file: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "EDGECNN_HOME": str(tmp_path / "home")}
    command = [
        sys.executable,
        "-m",
        "edgecnn.ui.cli.main",
        "run",
        str(pipeline_file),
        "--out",
        str(tmp_path / "run"),
    ]
    command += ["targets=[onnx-fp32]", "benchmark=null", "train.epochs=400"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    assert child.stderr is not None

    _wait_for(lambda: _found(tmp_path), child)
    child.send_signal(signal.SIGINT)
    _, text = child.communicate(timeout=60)
    assert child.returncode == 130, text
    assert "run the same command again to go on" in text
    assert "Traceback" not in text
    assert len(list((tmp_path / "home" / "store" / "stages").iterdir())) >= 3, "finished stages were lost"
    assert _found(tmp_path), "the last epoch was lost"


def _found(folder: Path) -> bool:
    return any((folder / "home" / "store" / "partial").glob("*/scratch/training.safetensors"))


def _wait_for(condition: object, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240
    while not condition():  # type: ignore[operator]
        assert child.poll() is None, child.communicate()[1]
        assert time.monotonic() < deadline, "training did not finish an epoch"
        time.sleep(0.2)


def test_the_json_of_a_refusal_is_one_document(factory: str, photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgecnn.ui.cli.main", "export", factory, "-t", "onnx-int7", "--json"]
    finished = subprocess.run(
        [*command, "--calibration", str(photos)], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "onnx-int7" in json.loads(finished.stdout)["message"]
