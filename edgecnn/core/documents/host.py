"""The fingerprint of a machine: what a measured number is worth depends on it."""

from __future__ import annotations

from edgecnn.core.documents.document import Document


class Host(Document):
    """A machine and what is installed on it."""

    cpu: str
    """The CPU's own name."""

    machine: str
    """Architecture, such as ``x86_64``."""

    isa: str
    """Instruction set level as targets name it; ``unknown`` for an architecture we have no name for."""

    cores: int
    """Logical CPUs that the process may use."""

    memory_bytes: int
    """Physical memory."""

    governor: str
    """Frequency governor; ``unknown`` where the kernel shows none, as in virtual machines."""

    load: float
    """Load average over one minute."""

    system: str
    """Operating system and kernel."""

    python: str
    """Version of Python."""

    runtimes: dict[str, str]
    """Version of every installed runtime, by its name in the table."""
