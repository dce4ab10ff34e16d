"""A device behind ssh: ``ssh://user@host:port``, with ``?python=/path`` for another interpreter."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_OPTIONS = (
    *("-o", "BatchMode=yes"),  # a prompt would wait forever
    *("-o", "ConnectTimeout=10"),
    # A device that does not answer is noticed after 15 s.
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)


@dataclass(frozen=True)
class SshShell:
    """Commands and files by ssh, with the user's own configuration and keys.

    Attributes:
        host: ``host`` or ``user@host``.
        port: Port; None means ssh's default.
        python: The device's interpreter with numpy and the runtime.
        scratch: Folder in which a temporary folder is created.
    """

    host: str
    port: int | None = None
    python: str = "python3"
    scratch: str = "/tmp"  # noqa: S108 - on the device, a fresh folder below it by mktemp

    @property
    def name(self) -> str:
        """Name of the device in messages."""
        return f"ssh://{self.host}" + ("" if self.port is None else f":{self.port}")

    @classmethod
    def parse(cls, text: str) -> SshShell:
        """Read ``ssh://user@host:port?python=/path``.

        Raises:
            UsageError: It has another form.

        >>> SshShell.parse("ssh://pi@raspberrypi:2222?python=/home/pi/venv/bin/python")
        SshShell(host='pi@raspberrypi', port=2222, python='/home/pi/venv/bin/python', scratch='/tmp')
        """
        try:
            parts = urlsplit(text)
            port, query = parts.port, parse_qs(parts.query, strict_parsing=bool(parts.query))
        except ValueError as error:
            raise UsageError(f"{text!r} is no device: {error}", hint=_HINT) from error
        names = [name for name in (parts.username, parts.hostname) if name is not None]
        plain = all(_NAME.fullmatch(name) for name in names) and parts.password is None
        if parts.scheme != "ssh" or not parts.hostname or not plain or parts.path not in ("", "/"):
            raise UsageError(f"{text!r} is no device", hint=_HINT)
        if query.keys() - {"python"}:
            raise UsageError(f"{text!r}: unknown option {min(query.keys() - {'python'})!r}", hint=_HINT)
        return cls("@".join(names), port, query.get("python", ["python3"])[0])

    def command(self, words: Sequence[str]) -> list[str]:
        """Return the ssh command that executes ``words``."""
        port = [] if self.port is None else ["-p", str(self.port)]
        return ["ssh", *_OPTIONS, *port, "--", self.host, shlex.join(words)]

    def push(self, source: Path, target: str) -> list[str]:  # noqa: ARG002 - the file is standard input
        """Return the command that writes standard input to a file of the device."""
        return self.command(["dd", "status=none", f"of={target}"])

    def pull(self, source: str) -> list[str]:
        """Return the command that prints a file of the device."""
        return self.command(["cat", source])


_HINT = "write it like ssh://pi@raspberrypi or ssh://pi@raspberrypi:22?python=/home/pi/venv/bin/python"
