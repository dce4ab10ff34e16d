"""The real worker with one more runtime, whose model files say how it misbehaves."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.worker import main as worker
from edgecnn.backends.worker.runtime import Description, Runtime
from edgecnn.ondevice.tensor import TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Options
    from edgecnn.ondevice.tensor import Array


class Hostile(Runtime):
    """Misbehaves as its model file says: ``WHEN HOW``."""

    def __init__(self, when: str, how: str) -> None:
        self._when, self._how = when, how

    @classmethod
    def open(cls, model: Path, _options: Options) -> Hostile:
        when, how = model.read_text().split()
        runtime = cls(when, how)
        runtime._misbehave("open")
        return runtime

    def run(self, _inputs: list[Array]) -> list[Array]:
        self._misbehave("run")
        return [np.zeros((1, 2), np.float32)]

    def describe(self) -> Description:
        image = TensorInfo("input", (1, 8, 8, 3), "float32")
        return Description("hostile", "0", "shipping", 1, (), (image,), (TensorInfo("y", (1, 2), "float32"),))

    def _misbehave(self, now: str) -> None:
        if self._when != now:
            return
        if self._how == "segfault":
            ctypes.string_at(0)
        elif self._how == "hang":
            time.sleep(600)
        elif self._how == "greed":
            np.ones(1 << 36, np.uint8)
        elif self._how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif self._how == "raise":
            raise RuntimeError("the accelerator is on fire")
        elif self._how == "chatter":
            print('{"value": "not an answer"}', flush=True)
            os.write(1, b"\x00\xff garbage from C\n")
            subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)


if __name__ == "__main__":
    worker.main()
