"""The process that has TensorFlow: it reads requests and writes replies, one JSON object a line."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

import numpy as np

from edgecnn.core.array_file import read_array
from edgecnn.core.errors import EdgecnnError, InputError, UsageError, machine_fault
from edgecnn.models.tensorflow.worker.messages import (
    Convert,
    Execute,
    Executed,
    Opened,
    OpenGiven,
    TensorFlowQuestion,
    TensorFlowReply,
)

if TYPE_CHECKING:
    from edgecnn.ondevice.documents import PlainDocument


class GivenNetwork(Protocol):
    """An open file; see :class:`edgecnn.models.tensorflow.worker.graph.FrozenFunction`."""

    channels_last: bool
    raw_pixels: bool
    outputs: tuple[str, ...]

    def convert(self, out: Path) -> None:
        """Write the network as ONNX with channels first."""

    def run(self, image: Any) -> list[Any]:
        """Return the outputs for an image in the layout of the file."""

    def tensors(self, image: Any, names: tuple[str, ...]) -> dict[str, Any]:
        """Return those of the named tensors that the network has."""


class TensorFlowProcess:
    """The requests that this process answers, about one file."""

    def __init__(self) -> None:
        self._network: GivenNetwork | None = None

    def answer(self, question: TensorFlowQuestion) -> PlainDocument:
        """Return the reply to a request.

        Raises:
            InputError: The file cannot be read, converted or executed.
        """
        if question.request == OpenGiven.__name__:
            return self._open(OpenGiven.from_json(question.value))
        if self._network is None:
            raise ValueError("no file is open")
        if question.request == Convert.__name__:
            self._network.convert(Path(Convert.from_json(question.value).out))
            return Executed(())
        return self._execute(self._network, Execute.from_json(question.value))

    def _open(self, request: OpenGiven) -> Opened:
        self._network = network = _opened(request)
        return Opened(network.channels_last, network.outputs, network.raw_pixels)

    def _execute(self, network: GivenNetwork, request: Execute) -> Executed:
        image = read_array(Path(request.image))
        image = image.transpose(0, 2, 3, 1) if network.channels_last else image
        image = np.ascontiguousarray(image)
        if request.tensors:
            found = network.tensors(image, request.tensors)
        else:
            found = dict(zip(network.outputs, network.run(image), strict=True))
        for place, value in enumerate(found.values()):
            np.save(Path(request.folder) / f"{place}.npy", np.asarray(value, np.float32))
        return Executed(tuple(found))


def _opened(request: OpenGiven) -> GivenNetwork:
    path = Path(request.path)
    if request.kind == "tflite" and request.signature is None:
        from edgecnn.models.tensorflow.worker.tflite_file import FloatTflite

        return FloatTflite(path)
    if request.kind == "saved-model":
        from edgecnn.models.tensorflow.worker.saved_model import open_saved_model

        return open_saved_model(path, request.signature)
    if request.signature is not None:
        raise UsageError(
            f"{path} has no signatures", hint="leave --signature out; SavedModel folders have them"
        )
    from edgecnn.models.tensorflow.worker.keras_file import open_h5, open_keras

    if request.kind in {"keras", "h5"}:
        return open_keras(path) if request.kind == "keras" else open_h5(path)
    raise ValueError(f"unknown kind {request.kind}")


def main() -> None:
    """Answer requests until the standard input ends."""
    # Whatever libraries print goes to the log.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        process = TensorFlowProcess()
        for line in sys.stdin:
            _write(answers, _reply(process, line))


def _reply(process: TensorFlowProcess, line: str) -> TensorFlowReply:
    try:
        return TensorFlowReply(value=process.answer(TensorFlowQuestion.from_text(line)).to_json())
    except EdgecnnError as error:
        return TensorFlowReply(error=error.to_json())
    except MemoryError:
        return TensorFlowReply(error=InputError("it needs more memory than this process may use").to_json())
    except OSError as error:
        return TensorFlowReply(error=machine_fault(error).to_json())


def _write(answers: IO[str], reply: TensorFlowReply) -> None:
    answers.write(json.dumps(reply.to_json()) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
