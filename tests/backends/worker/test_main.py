"""Tests of the worker's commands in this process; ``tests/devices`` starts it as the process that it is."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.backends.registry import find_runtime
from edgecnn.backends.worker.main import Worker
from edgecnn.backends.worker.messages import (
    EvaluateRequest,
    Nothing,
    OpenRequest,
    Question,
    RunRequest,
    TimeRequest,
)
from edgecnn.ondevice.documents import PlainDocument
from tests.support import tiny_models as tiny


def answers(*questions: tuple[str, PlainDocument]) -> list[dict[str, Any]]:
    """Return the worker's lines on some commands."""
    lines = [json.dumps(Question(command, request.to_json()).to_json()) for command, request in questions]
    channel = io.StringIO()
    Worker(channel).serve(io.StringIO("\n".join(lines) + "\n"))
    return [json.loads(line) for line in channel.getvalue().splitlines()]


@pytest.fixture
def opening(tmp_path: Path) -> tuple[str, OpenRequest]:
    """The command that opens the tiny network."""
    model = tiny.write_onnx(tmp_path / "net.onnx")
    return "open", OpenRequest(find_runtime("onnxruntime").code, str(model))


def test_a_model_is_described_run_and_timed(opening: tuple[str, OpenRequest], tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((1, 3, 8, 8), np.float32))
    opened, run, timed, costs = answers(
        opening,
        ("run", RunRequest((str(tmp_path / "in.npy"),), str(tmp_path))),
        ("time", TimeRequest(iterations=3, warmup=1)),
        ("costs", Nothing()),
    )
    assert opened["value"]["inputs"][0]["shape"] == [1, 3, 8, 8]
    (file,) = run["value"]["files"]
    assert np.load(file).shape == (1, tiny.CLASSES)
    assert len(timed["value"]["wall_ns"]) == 3
    assert costs["value"]["peak_bytes"] > 1_000_000


def test_progress_is_told_before_the_outputs(opening: tuple[str, OpenRequest], tmp_path: Path) -> None:
    np.save(tmp_path / "images.npy", tiny.images(5))
    request = EvaluateRequest(str(tmp_path / "images.npy"), tiny.CONTRACT, str(tmp_path), (4, 0))
    _, *progress, done = answers(opening, ("evaluate", request))
    assert progress
    assert progress[-1]["progress"] == [2, 2]
    (file,) = done["value"]["outputs"]
    np.testing.assert_allclose(np.load(file), tiny.expected(tiny.images(5)[[4, 0]]), rtol=1e-4, atol=1e-4)


def test_an_error_is_an_answer_and_the_next_command_is_served(
    opening: tuple[str, OpenRequest], tmp_path: Path
) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((1, 3, 9, 8), np.float32))
    early, missing, _, count, wrong, costs = answers(
        ("time", TimeRequest(iterations=1)),
        ("open", OpenRequest(opening[1].runtime, str(tmp_path / "none.onnx"))),
        opening,
        ("run", RunRequest((), str(tmp_path))),
        ("run", RunRequest((str(tmp_path / "wrong.npy"),), str(tmp_path))),
        ("costs", Nothing()),
    )
    assert early["error"]["message"] == "no model is open in this worker"
    assert "there is no model file" in missing["error"]["message"]
    assert count["error"]["message"] == "the model has 1 inputs, not 0"
    assert "holds float32 [1, 3, 9, 8]; input 'input' takes float32 [1, 3, 8, 8]" in wrong["error"]["message"]
    assert "value" in costs


def test_a_folder_that_cannot_be_written_is_no_crash(
    opening: tuple[str, OpenRequest], tmp_path: Path
) -> None:
    np.save(tmp_path / "in.npy", np.zeros((1, 3, 8, 8), np.float32))
    request = RunRequest((str(tmp_path / "in.npy"),), str(tmp_path / "none"))
    _, failed = answers(opening, ("run", request))
    assert failed["error"]["message"].endswith("No such file or directory")


def test_nothing_is_served_after_the_end(opening: tuple[str, OpenRequest]) -> None:
    assert len(answers(opening, ("close", Nothing()), ("costs", Nothing()))) == 2
