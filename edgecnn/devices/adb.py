"""A device behind adb: ``adb:SERIAL``, with ``?python=/path`` if the interpreter is not ``python3``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FORM = re.compile(r"adb:([A-Za-z0-9][A-Za-z0-9._:-]*)(?:\?python=(/[A-Za-z0-9._/+-]+))?")


@dataclass(frozen=True)
class AdbShell:
    """Commands and files by the Android debug bridge.

    Android does not include Python: the device needs one with numpy and the runtime, such as Termux's.

    Attributes:
        serial: The device, as ``adb devices`` lists it.
        python: The device's interpreter that has numpy and the runtime.
        scratch: Folder in which a temporary folder is created.
    """

    serial: str
    python: str = "python3"
    scratch: str = "/data/local/tmp"

    @property
    def name(self) -> str:
        """Name of the device in messages."""
        return f"adb:{self.serial}"

    @classmethod
    def parse(cls, text: str) -> AdbShell:
        """Read ``adb:SERIAL?python=/path``.

        Raises:
            UsageError: It has another form.

        >>> AdbShell.parse("adb:R58M12ABCDE").serial
        'R58M12ABCDE'
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise UsageError(
                f"{text!r} is no device", hint="write it like adb:SERIAL; `adb devices` lists the serials"
            )
        return cls(match[1], match[2] or "python3")

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the adb command that executes ``words``, with separate streams and without a terminal."""
        return ["adb", "-s", self.serial, "shell", "-T", shlex.join(words)]

    def push(self, source: Path, target: str) -> list[str]:
        """Return the command that copies a file to the device."""
        return ["adb", "-s", self.serial, "push", str(source), target]

    def pull(self, source: str) -> list[str]:
        """Return the command that prints a file of the device."""
        return ["adb", "-s", self.serial, "exec-out", shlex.join(["cat", source])]
