"""Budgets in a separate file: limits by target, with ``*`` for every target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.base import Schema
from edgecnn.core.config.budgets import Budgets, unknown_budget
from edgecnn.core.config.pipeline import EVERY_TARGET
from edgecnn.core.config.yaml_source import read_yaml, validate
from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path


class BudgetFile(Schema):
    """A file of budgets."""

    budgets: dict[str, Budgets]
    """Limits by target name; ``*`` stands for every target."""

    def of(self, target: str) -> Budgets:
        """Return the limits of a target, which override those for every target."""
        base = self.budgets.get(EVERY_TARGET, Budgets())
        return self.budgets.get(target, Budgets()).over(base)


def load_budgets(file: Path, targets: Sequence[str], metrics: Collection[str]) -> BudgetFile:
    """Read a file of budgets.

    Args:
        file: The YAML file.
        targets: The existing targets; a limit for another one is an error.
        metrics: The names of the metrics that can have a limit.

    Raises:
        UsageError: The file cannot be read, a key or unit is wrong, or it names an unknown target; the
            message has file and line.
    """
    source = read_yaml(file)
    found = validate(source, BudgetFile)
    for name, limits in found.budgets.items():
        for key in limits.unknown(metrics):
            place = ("budgets", name, key)
            raise unknown_budget(source.locate(place), ".".join(place), metrics)
        if name != EVERY_TARGET and name not in targets:
            raise UsageError(
                f"{source.locate(('budgets', name))}: {name!r} is not a target of this run",
                hint=f"its targets: {', '.join(targets)}",
            )
    return found
