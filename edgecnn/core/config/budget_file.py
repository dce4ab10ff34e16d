"""Budgets in a separate file: limits by target, with ``*`` for every target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.base import Schema
from edgecnn.core.config.budgets import EVERY_TARGET, Budgets, wrong_budgets
from edgecnn.core.config.cpu_names import latency_places, misnamed_cpus
from edgecnn.core.config.yaml_source import read_yaml, validate
from edgecnn.core.errors import UsageError, together

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgecnn.core.config.budgets import KnownBudgets


class BudgetFile(Schema):
    """A file of budgets."""

    budgets: dict[str, Budgets]
    """Limits by target name; ``*`` stands for every target."""

    def of(self, target: str) -> Budgets:
        """Return the limits of a target, which override those for every target."""
        base = self.budgets.get(EVERY_TARGET, Budgets())
        return self.budgets.get(target, Budgets()).over(base)


def load_budgets(file: Path, targets: Sequence[str], known: KnownBudgets, cpu: str = "") -> BudgetFile:
    """Read a file of budgets.

    Args:
        file: The YAML file.
        targets: The existing targets; a limit for another one is an error.
        known: The metrics that can have a limit.
        cpu: Name of this machine's CPU; a name of another that is nearly the same is an error.

    Raises:
        UsageError: The file cannot be read, a key, a unit or a value is wrong, or it names an unknown target;
            the message has file and line of every mistake.
    """
    source = read_yaml(file)
    errors = wrong_budgets(source, targets, known, owner="this run", unknown=True)
    errors += misnamed_cpus(source, latency_places(source), cpu)
    try:
        found = validate(source, BudgetFile)
    except UsageError as error:
        raise together([error, *errors]) from error
    if errors:
        raise together(errors)
    return found
