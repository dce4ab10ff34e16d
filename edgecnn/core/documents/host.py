"""The fingerprint of a machine, on which measured numbers depend."""

from __future__ import annotations

from edgecnn.core.documents.document import Document


class Host(Document):
    """A machine and what is installed on it."""

    cpu: str
    """The CPU's own name."""

    machine: str
    """Architecture, such as ``x86_64``."""

    isa: str
    """Instruction set level by its name in targets; ``unknown`` for other architectures."""

    cores: int
    """Logical CPUs that the process may use."""

    memory_bytes: int
    """Physical memory."""

    governor: str
    """Frequency governor; ``unknown`` if the kernel shows none, as in virtual machines."""

    load: float
    """Load average over one minute."""

    system: str
    """Operating system and kernel."""

    python: str
    """Version of Python."""

    runtimes: dict[str, str]
    """Version of every installed runtime, by its name in the table."""
