"""The requests that the process with TensorFlow answers, about a network that needs no TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.models.tensorflow.worker import main
from edgecnn.models.tensorflow.worker.main import TensorFlowProcess
from edgecnn.models.tensorflow.worker.messages import (
    Convert,
    Execute,
    Executed,
    Opened,
    OpenGiven,
    TensorFlowQuestion,
)
from edgecnn.ondevice.documents import PlainDocument


class Doubling:
    """Returns twice its image, as a file with channels last does."""

    channels_last, raw_pixels, outputs = True, False, ("double",)

    def convert(self, out: Path) -> None:
        out.write_bytes(b"onnx")

    def run(self, image: Any) -> list[Any]:
        return [image * 2]

    def tensors(self, image: Any, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: image + 1 for name in names if name == "known"}


def ask(process: TensorFlowProcess, request: PlainDocument) -> PlainDocument:
    """Return the reply to a request."""
    return process.answer(TensorFlowQuestion(type(request).__name__, request.to_json()))


def test_a_file_is_opened_converted_and_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_opened", lambda _: Doubling())
    process = TensorFlowProcess()
    opened = ask(process, OpenGiven("net.h5", "h5", None))
    assert opened == Opened(channels_last=True, outputs=("double",), raw_pixels=False)
    ask(process, Convert(str(tmp_path / "net.onnx")))
    assert (tmp_path / "net.onnx").read_bytes() == b"onnx"
    image = np.random.default_rng(0).random((1, 3, 4, 5), np.float32)
    np.save(tmp_path / "image.npy", image)
    whole = ask(process, Execute(str(tmp_path / "image.npy"), (), str(tmp_path)))
    assert whole == Executed(("double",))
    np.testing.assert_array_equal(np.load(tmp_path / "0.npy"), 2 * image.transpose(0, 2, 3, 1))
    some = ask(process, Execute(str(tmp_path / "image.npy"), ("unknown", "known"), str(tmp_path)))
    assert some == Executed(("known",))


def test_a_request_before_a_file_is_open_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no file is open"):
        ask(TensorFlowProcess(), Convert("net.onnx"))
