"""Gates: checks by name of finished outputs, which hold back the steps that would build on them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from edgecnn.pipeline.stages.verify import require_intact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class Gate(StrEnum):
    """Name of a check."""

    LINKS = "links"
    """Every link of the verification chain that could be judged holds."""


_CHECKS: Mapping[Gate, Callable[[Path], None]] = {Gate.LINKS: require_intact}


def check_gate(gate: Gate, outputs: Path) -> None:
    """Look at a step's finished outputs.

    Args:
        gate: The check.
        outputs: Directory of the outputs.

    Raises:
        EdgecnnError: Nothing may be built on them.
    """
    _CHECKS[gate](outputs)
