"""Gates: named checks of finished outputs, which must pass before other steps use them."""

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
    """Every judged link of the verification chain holds."""


_CHECKS: Mapping[Gate, Callable[[Path], None]] = {Gate.LINKS: require_intact}


def check_gate(gate: Gate, outputs: Path) -> None:
    """Check a step's finished outputs.

    Args:
        gate: The check.
        outputs: Directory of the outputs.

    Raises:
        EdgecnnError: The check failed, so nothing may use the outputs.
    """
    _CHECKS[gate](outputs)
