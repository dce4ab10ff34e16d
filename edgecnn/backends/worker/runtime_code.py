"""Where a worker finds a runtime; the parent tells it. Imports the standard library only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RuntimeCode:
    """What a worker has to know to import a runtime.

    Attributes:
        name: Its name, for messages.
        load: ``"module:Class"``.
        distribution: Package that holds the runtime.
        install: Command that installs it.
        origin: Name and version of the package of somebody else's that brings the class; empty for edgecnn's.
    """

    name: str
    load: str
    distribution: str
    install: str
    origin: str = ""
