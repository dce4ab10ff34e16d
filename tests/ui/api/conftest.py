"""One small pipeline through every target, run once for all tests of the verbs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import edgecnn
from edgecnn.pipeline.run import RunResult
from tests.conftest import picture
from tests.support.gate_runs import quantized
from tests.support.tiny_run import write_run

PIPELINE = """\
name: shapes
model: {{name: "zoo:mobilenetv2", arguments: {{width: 0.25, head: 64, dropout: 0.0}}}}
preprocessing: {{height: 32, width: 32, resize: squash}}
data: {{train: "{photos}", eval: "{photos}", calibration: {{count: 24}}}}
train: {{epochs: 20, batch_size: 12, batch_norm_momentum: 0.3, optimizer: {{lr: 0.01}}}}
verification: {{images: 8}}
benchmark: {{seconds: 0.5, processes: 1}}
targets: [onnx-fp32, onnx-int8, tflite-fp32, tflite-fp16, tflite-int8, openvino-fp16, openvino-int8]
budgets: {{"*": {{size: 2 MB, accuracy_drop: 20 %}}}}
"""


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder of 3 classes of 20 pictures that a network can tell apart."""
    folder = tmp_path_factory.mktemp("photos")
    for label, name in enumerate(("bars", "disc", "slope")):
        (folder / name).mkdir()
        for number in range(20):
            Image.fromarray(picture(label, number, 48, 48)).save(folder / name / f"{number:02}.png")
    return folder


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache and store of these tests."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def npu_tools(npu_home: Path, home: Path) -> None:
    """The NPUs' toolchains in the home of these tests."""
    if not (home / "toolchains").exists():
        (home / "toolchains").symlink_to(npu_home / "toolchains")


@pytest.fixture(autouse=True, scope="module")
def _use_warm_processes(warm: None) -> None:
    """Fork the children of a module's tests from the same processes."""


@pytest.fixture(autouse=True)
def _use_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(home))


@pytest.fixture(scope="session")
def pipeline_file(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline as a file."""
    path = tmp_path_factory.mktemp("pipeline") / "shapes.yaml"
    path.write_text(PIPELINE.format(photos=photos))
    return path


@pytest.fixture(scope="session")
def finished(pipeline_file: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """The run of the pipeline through all seven targets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        result: RunResult = edgecnn.run(
            str(pipeline_file), out=tmp_path_factory.mktemp("runs") / "shapes", jobs=2
        )
        return result


def corrupt(photos: Path, folder: Path) -> Path:
    """Copy an image folder with one file that is cut off in the middle."""
    for source in photos.rglob("*.png"):
        target = folder / source.relative_to(photos)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    victim = folder / "disc" / "03.png"
    victim.write_bytes(victim.read_bytes()[:200])
    return folder


def blank(folder: Path, count: int = 12) -> Path:
    """Make a folder of pictures of one colour each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(np.full((32, 32, 3), 20 * number, np.uint8)).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def accepted(tmp_path: Path) -> Path:
    """The baseline of a run of two targets."""
    file = tmp_path / "gate" / "tiny.yaml"
    edgecnn.accept_baseline(write_run(tmp_path / "accepted"), out=file)
    return file


@pytest.fixture
def of_quantized(tmp_path: Path) -> Path:
    """The baseline of a quantized run."""
    file = tmp_path / "gate" / "tiny.yaml"
    edgecnn.accept_baseline(quantized(tmp_path / "before"), out=file)
    return file
