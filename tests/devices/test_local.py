from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import edgecnn
from edgecnn.core import process
from edgecnn.core.errors import InputError, MissingDependency, UsageError, WorkerError
from edgecnn.devices.host import usable_cpus
from edgecnn.devices.local import LocalDevice, worker_path
from edgecnn.devices.session import open_request
from tests.support import tiny_models as tiny

RUNTIMES = sorted(Path(edgecnn.__file__).parent.glob("backends/*/runtime.py"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_onnx(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


def test_evaluate_run_and_time(model: Path, log: Path, tmp_path: Path) -> None:
    pictures = tiny.images(300)
    np.save(tmp_path / "images.npy", pictures)
    seen: list[tuple[int, int]] = []
    with LocalDevice().open("onnxruntime", model, log=log) as session:
        assert session.description.runtime == "onnxruntime"
        assert session.description.inputs[0].shape == (1, 3, 8, 8)
        done = session.evaluate(
            tmp_path / "images.npy", tiny.CONTRACT, tmp_path / "out", progress=lambda *step: seen.append(step)
        )
        one = session.run([np.zeros((1, 3, 8, 8), np.float32)])
        times = session.time(7, warmup=2)
    np.testing.assert_allclose(done.outputs[0], tiny.expected(pictures), atol=1e-5)
    assert done.images == 300
    assert done.images_per_second > 0
    assert 0 < done.inference_seconds < done.seconds
    assert seen[-1] == (300, 300)
    assert done.peak_bytes > 10 << 20
    np.testing.assert_array_equal(one[0], np.zeros((1, 5), np.float32))
    assert times.wall_ns.shape == (7,)
    assert (times.own_ns > 0).all()
    assert (times.own_ns <= times.wall_ns).all()


def test_chosen_images_in_the_order_asked(model: Path, log: Path, tmp_path: Path) -> None:
    pictures = tiny.images(6)
    np.save(tmp_path / "images.npy", pictures)
    with LocalDevice().open("onnxruntime", model, log=log) as session:
        done = session.evaluate(tmp_path / "images.npy", tiny.CONTRACT, tmp_path / "out", indices=[5, 0, 5])
    np.testing.assert_allclose(done.outputs[0], tiny.expected(pictures[[5, 0, 5]]), atol=1e-5)


def test_pinned_worker_stays_on_its_cpus(model: Path, log: Path) -> None:
    cpu = usable_cpus()[-1]
    with LocalDevice().open("onnxruntime", model, log=log, cpus=[cpu]) as session:
        supervisor = session._channel._process.pid
        (worker,) = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        assert os.sched_getaffinity(int(worker)) == {cpu}


def test_cpu_that_does_not_exist(model: Path, log: Path) -> None:
    with pytest.raises(UsageError, match="cannot pin to CPUs"):
        LocalDevice().open("onnxruntime", model, log=log, cpus=[4095])


def test_memory_limit(model: Path, log: Path) -> None:
    with pytest.raises(WorkerError, match="memory"):
        LocalDevice().open("onnxruntime", model, log=log, memory_bytes=1 << 20)


def test_a_worker_has_a_limit_on_memory_although_nobody_asks_for_one(
    model: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FOREIGN_BYTES", -process.memory_for() + process.FOREIGN_BYTES + (1 << 20))
    with pytest.raises(WorkerError, match="memory"):
        LocalDevice().open("onnxruntime", model, log=log)


def test_missing_runtime_names_the_command(model: Path, log: Path) -> None:
    with pytest.raises(MissingDependency) as caught:
        LocalDevice().open("tflite-runtime", model, log=log)
    assert "tflite-runtime" in caught.value.message
    assert "pip install" in (caught.value.hint or "")


def test_missing_interpreter(model: Path, log: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDependency, match="there is no program"):
        LocalDevice(python=tmp_path / "venv" / "bin" / "python").open("onnxruntime", model, log=log)


def test_unknown_runtime(model: Path, log: Path) -> None:
    with pytest.raises(UsageError, match="no runtime is called 'onnxrt'; there are onnxruntime, openvino"):
        LocalDevice().open("onnxrt", model, log=log)


@pytest.mark.parametrize("runtime", ["onnxruntime", "litert", "openvino"])
def test_foreign_files_are_named_and_survived(runtime: str, log: Path, tmp_path: Path) -> None:
    path = tmp_path / "foreign.bin"
    command = [sys.executable, "-m", "edgecnn.backends.worker.main"]
    with LocalDevice().start(command, log=log, what=runtime) as session:
        for content in (b"", b"\x89PNG\r\n\x1a\n" + bytes(2000), b"not a model"):
            path.write_bytes(content)
            with pytest.raises(InputError) as caught:
                session.open(open_request(runtime, str(path), {}))
            assert str(path) in caught.value.message, content
            assert "\n" not in caught.value.message, content


def test_truncated_files_are_refused_or_survived(log: Path, tmp_path: Path) -> None:
    whole = {
        "onnxruntime": tiny.write_onnx(tmp_path / "a.onnx"),
        "litert": tiny.write_tflite(tmp_path / "a.tflite", quantized=True),
        "openvino": tiny.write_openvino(tmp_path / "b.xml"),
    }
    for runtime, path in whole.items():
        cut = tmp_path / f"cut{path.suffix}"
        cut.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises((InputError, WorkerError), match="cut"):
            LocalDevice().open(runtime, cut, log=log)


def test_openvino_without_its_weights(log: Path, tmp_path: Path) -> None:
    path = tiny.write_openvino(tmp_path / "model.xml")
    path.with_suffix(".bin").unlink()
    with pytest.raises(InputError, match=r"model\.bin is missing"):
        LocalDevice().open("openvino", path, log=log)


def test_missing_model(log: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model file"):
        LocalDevice().open("onnxruntime", tmp_path / "none.onnx", log=log)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((1, 3, 8, 8), np.float64), "float64"),
        (np.zeros((1, 8, 8, 3), np.float32), r"\[1, 8, 8, 3\]"),
        (np.zeros((3, 8, 8), np.float32), r"\[3, 8, 8\]"),
    ],
)
def test_input_that_does_not_fit(model: Path, log: Path, array: np.ndarray, said: str) -> None:
    with LocalDevice().open("onnxruntime", model, log=log) as session:
        with pytest.raises(InputError, match=said):
            session.run([array])
        with pytest.raises(InputError, match="1 inputs, not 2"):
            session.run([array, array])


def test_images_that_do_not_fit(model: Path, log: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((2, 9, 8, 3), np.uint8))
    np.save(tmp_path / "float.npy", np.zeros((2, 8, 8, 3), np.float32))
    np.save(tmp_path / "good.npy", np.zeros((2, 8, 8, 3), np.uint8))
    np.save(tmp_path / "other.npy", np.zeros((2, 16, 16, 3), np.uint8))
    np.save(tmp_path / "none.npy", np.zeros((0, 8, 8, 3), np.uint8))
    (tmp_path / "text.npy").write_text("hello")
    with LocalDevice().open("onnxruntime", model, log=log) as session:
        for name in ("wrong", "float", "text", "absent"):
            with pytest.raises(InputError, match=name):
                session.evaluate(tmp_path / f"{name}.npy", tiny.CONTRACT, tmp_path / "out")
        with pytest.raises(InputError, match="no images"):
            session.evaluate(tmp_path / "none.npy", tiny.CONTRACT, tmp_path / "out")
        with pytest.raises(InputError, match="index 2 is out of range"):
            session.evaluate(tmp_path / "good.npy", tiny.CONTRACT, tmp_path / "out", indices=[2])
        with pytest.raises(InputError, match="no image of 16x16x3"):
            session.evaluate(tmp_path / "other.npy", tiny.CONTRACT.with_size(16, 16), tmp_path / "out")


def test_worker_imports_only_the_light_part(tmp_path: Path) -> None:
    """Another environment has neither pydantic nor torch: the worker must not ask for them."""
    script = (
        "import sys, json, edgecnn.backends.worker.main\n"
        "print(json.dumps([edgecnn.__file__, sorted({name.split('.')[0] for name in sys.modules})]))"
    )
    environment = {**os.environ, "PYTHONPATH": worker_path(tmp_path, own=True), "PYTHONSAFEPATH": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, cwd=tmp_path
    )
    origin, modules = json.loads(answer.stdout)
    assert origin.startswith(str(tmp_path)), "the worker did not take its files from the light path"
    heavy = {
        "torch",
        "pydantic",
        "psutil",
        "yaml",
        "PIL",
        "onnxruntime",
        "openvino",
        "ai_edge_litert",
        "typer",
    }
    assert not heavy & set(modules)


def test_another_environment_without_numpy_or_runtime(model: Path, log: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    device = LocalDevice(python=tmp_path / "venv" / "bin" / "python")
    with pytest.raises((MissingDependency, WorkerError), match="numpy"):
        device.open("onnxruntime", model, log=log)


@pytest.mark.parametrize("runtime", RUNTIMES, ids=[file.parent.name for file in RUNTIMES])
def test_worker_finds_every_module_that_a_runtime_imports(runtime: Path, tmp_path: Path) -> None:
    seen = Path(worker_path(tmp_path, own=False).split(os.pathsep)[0])
    imported = [
        node.module
        for node in ast.parse(runtime.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("edgecnn.")
    ]
    assert imported
    missing = [name for name in imported if not (seen / f"{name.replace('.', '/')}.py").is_file()]
    assert missing == []
