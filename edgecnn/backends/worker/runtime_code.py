"""Data from which a worker imports a runtime. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass

from edgecnn.ondevice.documents import PlainDocument


@dataclass(frozen=True)
class RuntimeCode(PlainDocument):
    """The location of a runtime's code.

    Attributes:
        name: Name of the runtime in messages.
        load: ``"module:Class"``.
        distribution: Package that contains the runtime.
        install: Command that installs it.
        origin: Name and version of the other package that provides the class; empty for edgecnn's.
    """

    name: str
    load: str
    distribution: str
    install: str
    origin: str = ""
