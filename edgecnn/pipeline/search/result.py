"""What a search came to, and the winner as a pipeline of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import BudgetMissed
from edgecnn.devices.host import host
from edgecnn.pipeline.search.halving import COSTS
from edgecnn.pipeline.search.outcome import cost, excess, is_over_budget, judge_accuracy, judge_costs, meets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.pipeline.search.derive import Document
    from edgecnn.pipeline.search.halving import Known
    from edgecnn.pipeline.search.outcome import Outcome
    from edgecnn.pipeline.search.space import Combination, Space

_OWN = ("accuracy ", "size ")
"""Budgets of the derived pipeline that say what those of the search say."""


@dataclass(frozen=True)
class SearchTrial:
    """What is known of one combination.

    Attributes:
        combination: The combination.
        rung: The highest rung that it reached.
        costs: What it costs, measured before any training.
        outcome: What the highest rung measured.
    """

    combination: Combination
    rung: int
    costs: Outcome
    outcome: Outcome

    def results(self, space: Space) -> list[BudgetResult]:
        """Return every budget, judged: size and latency as last measured, accuracy where it was."""
        last = self.rung == len(space.epochs)
        costs = judge_costs(self.outcome if last else self.costs, space.budgets)
        return costs if self.rung == COSTS else costs + judge_accuracy(self.outcome, space.budgets)

    def verdict(self, space: Space) -> str:
        """Say what became of it."""
        if self.outcome.failed:
            return f"cannot be made: {self.outcome.failed}"
        missed = [str(result) for result in self.results(space) if not result.passed]
        if self.rung == COSTS:
            over = is_over_budget(self.combination, self.costs, space.budgets)
            return "; ".join(missed) if over else "not trained"
        if self.rung < len(space.epochs):
            return "not promoted"
        if meets(self.outcome, space.budgets):
            return "meets every budget"
        own = [note for found in self.outcome.targets.values() for note in found.missed]
        unclear = [str(result) for result in self.results(space) if result.verdict is Verdict.INCONCLUSIVE]
        return "; ".join([*missed, *(note for note in own if not note.startswith(_OWN)), *unclear])

    def to_json(self, space: Space) -> dict[str, Any]:
        """Return the trial as plain data."""
        targets = {
            name: {
                "size_bytes": found.size,
                "latency": None if found.latency is None else found.latency.model_dump(),
                "accuracy": self.outcome.targets[name].accuracy if name in self.outcome.targets else None,
                "drop": self.outcome.drop(name) if name in self.outcome.targets else None,
            }
            for name, found in self._measured(space).items()
        }
        return {
            **self.combination.to_json(),
            "rung": self.rung,
            "epochs": 0 if self.rung == COSTS else space.epochs[self.rung - 1],
            "in_full": self.rung == len(space.epochs),
            "original": self.outcome.original,
            "targets": targets,
            "meets": self.rung == len(space.epochs) and meets(self.outcome, space.budgets),
            "verdict": self.verdict(space),
            "seconds": self.outcome.seconds,
        }

    def _measured(self, space: Space) -> Mapping[str, Any]:
        last = self.rung == len(space.epochs) and not self.outcome.failed
        return (self.outcome if last else self.costs).targets


def trials_of(known: Mapping[int, Known], space: Space) -> list[SearchTrial]:
    """Return what is known of every combination, those trained longest first, then the nearest ones.

    Args:
        known: What was measured, by rung.
        space: What was searched.
    """
    found = []
    for combination, costs in known[COSTS].items():
        rung = max(rung for rung, outcomes in known.items() if combination in outcomes)
        found.append(SearchTrial(combination, rung, costs, known[rung][combination]))
    return sorted(
        found,
        key=lambda trial: (-trial.rung, excess(trial.outcome, trial.results(space)), cost(trial.costs)),
    )


def cheapest(trials: Sequence[SearchTrial], space: Space) -> SearchTrial | None:
    """Return the winner: of the combinations that meet every budget, the cheapest."""
    met = [
        trial for trial in trials if trial.rung == len(space.epochs) and meets(trial.outcome, space.budgets)
    ]
    return min(met, key=lambda trial: (cost(trial.costs), trial.combination), default=None)


@dataclass(frozen=True)
class SearchResult:
    """What a search came to.

    Attributes:
        name: Name of the pipeline.
        directory: Where the table, the plot and the winner are.
        space: What was searched.
        trials: What is known of every combination that was measured.
        winner: The cheapest that meets every budget; before the search is finished, of those trained so far.
        pipeline: The winner's pipeline file.
        finished: Whether the search came to its end; False where its time was up.
        seconds: Wall time of this process.
    """

    name: str
    directory: Path
    space: Space
    trials: tuple[SearchTrial, ...]
    winner: SearchTrial | None
    pipeline: Path | None
    finished: bool
    seconds: float

    @property
    def error(self) -> BudgetMissed | None:
        """Why there is no winner."""
        if self.winner is not None:
            return None
        if not self.finished:
            return BudgetMissed(
                f"{self.name}: time is up, and none of {len(self.trials)} combinations meets the budgets yet",
                hint="search again to go on; what is finished is kept",
            )
        nearest = self.trials[0] if self.trials else None
        near = (
            "" if nearest is None else f"; the nearest, {nearest.combination}: {nearest.verdict(self.space)}"
        )
        return BudgetMissed(
            f"{self.name}: no combination meets the budgets{near}",
            hint="loosen a budget, or widen search.width, search.input, search.macs or search.quantization",
        )

    @property
    def exit_code(self) -> int:
        """0 if there is a winner, else 3."""
        return 0 if self.error is None else self.error.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data; ``search.json`` holds the same."""
        return {
            "name": self.name,
            "directory": str(self.directory),
            "finished": self.finished,
            "winner": None if self.winner is None else self.winner.to_json(self.space),
            "pipeline": None if self.pipeline is None else str(self.pipeline),
            "error": None if self.error is None else self.error.to_json(),
            "space": self.space.to_json(),
            "combinations": len(self.space.combinations()),
            "trials": [trial.to_json(self.space) for trial in self.trials],
            "seconds": round(self.seconds, 1),
            "host": host().to_json(),
        }


def pipeline_text(content: Document, searched: str, trial: SearchTrial, space: Space) -> str:
    """Return a winner as the text of a pipeline file, with what was measured of it in a comment."""
    lines = [f"# Found by `edgecnn search {searched}`: {trial.combination}.", "# Measured:"]
    lines += [f"#   {result}" for result in trial.results(space)]
    lines.append("# accuracy_drop and latency_ratio are against the network that was searched from.")
    return "\n".join(lines) + "\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
