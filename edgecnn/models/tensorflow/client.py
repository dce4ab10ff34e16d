"""The process that has TensorFlow, as seen from edgecnn's own environment."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

import edgecnn
from edgecnn.core.array_file import read_array
from edgecnn.core.child import Child
from edgecnn.core.errors import WorkerError, from_json
from edgecnn.core.process import describe_death, quiet_environment
from edgecnn.core.toolchains.environment import require
from edgecnn.models.tensorflow.worker.messages import (
    Convert,
    Execute,
    Executed,
    Opened,
    OpenGiven,
    TensorFlowQuestion,
    TensorFlowReply,
)
from edgecnn.ondevice.documents import PlainDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from edgecnn.models.tensorflow.kinds import Kind

Reply = TypeVar("Reply", bound=PlainDocument)

TOOLCHAIN = "tensorflow"
"""Name of the toolchain with TensorFlow, Keras and tf2onnx."""

OPEN_S = 600.0
"""Limit on the time in which TensorFlow is imported and a file is read and converted, in seconds."""

EXECUTE_S = 600.0
"""Limit on the time of one execution, in seconds."""

_WORKER = "edgecnn.models.tensorflow.worker.main"
_READ_BYTES = 1 << 16
_MOST_BYTES = 16 << 20
_END_S = 10.0

# Everything that the process imports of edgecnn: its environment lacks edgecnn's dependencies.
_PARTS = ("core/errors.py", "core/text.py", "ondevice", "models/tensorflow/worker")


class TensorFlow:
    """A process with TensorFlow and one open file; it ends with the block or with this process.

    Raises:
        MissingDependency: The toolchain is not installed; the hint is the command that installs it.
    """

    def __init__(self) -> None:
        environment = require(TOOLCHAIN)
        self._scratch = TemporaryDirectory(prefix="edgecnn-tensorflow-")
        self._folder = Path(self._scratch.name)
        self._log = self._folder / "log"
        with self._log.open("wb") as sink:
            self._process = Child(
                [str(environment.python), "-m", _WORKER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**os.environ, **quiet_environment(), **_variables(self._folder)},
                cwd=self._folder,
            )
        self._received = bytearray()
        self._names = ("", "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and remove its files; harmless if it has ended."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._scratch.cleanup()

    def open(self, path: Path, kind: Kind, signature: str | None) -> Opened:
        """Open a file or folder.

        Raises:
            InputError: It is damaged, or holds no float network of one image.
            UsageError: A SavedModel has several functions, or none of that name.
            WorkerError: The process crashed, ran out of memory or of time.
        """
        self._names = (str(path.absolute()), str(path))
        return self._ask(OpenGiven(str(path.absolute()), kind, signature), Opened, OPEN_S)

    def convert(self, out: Path) -> None:
        """Write the open file as ONNX with channels first.

        Raises:
            InputError: It has an operation that ONNX does not have.
            WorkerError: See :meth:`open`.
        """
        self._ask(Convert(str(out.absolute())), Executed, OPEN_S)

    def execute(
        self, image: npt.NDArray[np.float32], tensors: Sequence[str] = ()
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Return tensors of the open file for an image ``[1, C, H, W]``, in the file's own layout.

        Args:
            image: The image.
            tensors: Names of the tensors; those that the file does not have are left out. Empty for all
                outputs.

        Raises:
            InputError: The file cannot be executed.
            WorkerError: See :meth:`open`.
        """
        with TemporaryDirectory(dir=self._folder) as name:
            np.save(Path(name) / "image.npy", image)
            request = Execute(str(Path(name) / "image.npy"), tuple(tensors), name)
            found = self._ask(request, Executed, EXECUTE_S).tensors
            return {tensor: read_array(Path(name) / f"{place}.npy") for place, tensor in enumerate(found)}

    def _ask(self, request: PlainDocument, reply: type[Reply], timeout_s: float) -> Reply:
        question = TensorFlowQuestion(type(request).__name__, request.to_json())
        assert self._process.stdin is not None  # noqa: S101  it was started with a pipe
        try:
            self._process.stdin.write(json.dumps(question.to_json()).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._death() from error
        answer = TensorFlowReply.from_text(self._line(timeout_s), wire=True)
        if answer.error is not None:
            given = from_json(answer.error)
            raise type(given)(given.message.replace(*self._names), hint=given.hint)
        return reply.from_json(answer.value)

    def _line(self, timeout_s: float) -> bytes:
        """Return the next line of the process.

        Raises:
            WorkerError: It ended, was silent for too long, or wrote too much.
        """
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101  it was started with a pipe
        deadline = time.monotonic() + timeout_s
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._received:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise WorkerError(
                        f"TensorFlow reading {self._names[1]} did not finish in {timeout_s:g} s",
                        hint="it was stopped; a smaller network or image needs less time",
                    )
                data = os.read(pipe.fileno(), _READ_BYTES)
                if not data or len(self._received) > _MOST_BYTES:
                    raise self._death()
                self._received += data
        line, _, rest = bytes(self._received).partition(b"\n")
        self._received = bytearray(rest)
        return line

    def _death(self) -> WorkerError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._process.kill()
        code = self._process.wait()
        return WorkerError(
            describe_death(f"TensorFlow reading {self._names[1]}", code, self._log),
            hint="a damaged file can be the cause: save the network again, or give it as .onnx",
        )


def _variables(folder: Path) -> dict[str, str]:
    """Return the variables of the process: its part of edgecnn, one thread, nobody's settings."""
    package, source = folder / "path" / "edgecnn", Path(edgecnn.__file__).parent
    for part in _PARTS:
        link = package / part
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source / part)
    for found in (package, *package.rglob("*")):
        if found.is_dir() and not found.is_symlink():
            (found / "__init__.py").touch()
    return {
        "PYTHONPATH": str(package.parent),
        "PYTHONSAFEPATH": "1",
        "PYTHONNOUSERSITE": "1",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(folder / "keras"),
    }
