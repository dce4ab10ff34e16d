"""Errors of a package on the device: one line, with edgecnn's exit codes."""

from __future__ import annotations

import re
from typing import ClassVar

MOST_CHARACTERS = 1000
"""Longest line of a message; a longer one keeps its beginning and its end."""

MOST_LINES = 50
"""Most lines of a message."""

_LEFT_OUT = " [...] "
_END = 200
_CONTROLS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Characters that steer a terminal, turn the direction of writing, or cannot be written as UTF-8."""


class DeviceError(Exception):
    """Base of every error that the user of a package can act on; by itself it means a wrong input."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str) -> None:
        super().__init__(shortened(message))


class DamagedPackage(DeviceError):
    """A file of the package is missing, was changed, or gives other results than at build time."""

    exit_code = 4


class RuntimeUnavailable(DeviceError):
    """No runtime on this device can execute the model; the message says what to install."""

    exit_code = 5


def shortened(message: str) -> str:
    r"""Return a message as it is shown: it may quote any text of a file, of any length.

    Long lines and lines after the first ``MOST_LINES`` are left out, and control characters are written as
    Python writes them.

    >>> shortened("there is no file a\x1b[2J.onnx")
    'there is no file a\\x1b[2J.onnx'
    """
    lines = message.split("\n")
    kept = [_shortened_line(line) for line in lines[:MOST_LINES]]
    if len(lines) > MOST_LINES:
        kept.append(f"and {len(lines) - MOST_LINES} more lines")
    return "\n".join(kept)


def _shortened_line(line: str) -> str:
    if len(line) > MOST_CHARACTERS:
        line = line[: MOST_CHARACTERS - _END - len(_LEFT_OUT)] + _LEFT_OUT + line[-_END:]
    plain = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], line)
    return plain if len(plain) <= MOST_CHARACTERS else plain[: MOST_CHARACTERS - len(_LEFT_OUT)] + _LEFT_OUT
