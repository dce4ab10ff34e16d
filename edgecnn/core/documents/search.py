"""A search: its space, the outcomes of its combinations, and its result."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainSerializer

from edgecnn.core.config.search import Quantization, SearchBudgets
from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host
from edgecnn.core.documents.run import ErrorReport

FLOAT_BYTES = {"fp32": 4, "fp16": 2}
"""Bytes of a weight by its precision; all other quantizations have one."""


class Combination(Document):
    """One point of the space."""

    width: float | None
    """The builder's argument ``width``; None if it is not changed."""

    height: int | None
    """Height of the input in pixels; None if it is not changed."""

    quantization: Quantization
    """Quantization of the files."""

    macs: float = 1.0
    """Share of the multiply-accumulates that pruning leaves; 1 for no pruning."""

    def __str__(self) -> str:
        parts = [
            "" if self.width is None else f"width {self.width:g}",
            "" if self.height is None else f"input {self.height}",
            "" if self.macs == 1.0 else f"{self.macs:.0%} of the MACs",
            self.quantization,
        ]
        return ", ".join(part for part in parts if part)

    @property
    def order(self) -> tuple[float, int, str, float]:
        """Key that puts the combinations of one space in order."""
        return self.width or 0.0, self.height or 0, self.quantization, self.macs

    def within(self, other: Combination) -> bool:
        """Return whether it is quantized like another one and nowhere larger.

        >>> small = Combination(width=0.5, height=24, quantization="int8")
        >>> small.within(Combination(width=0.5, height=28, quantization="int8"))
        True
        """
        if self.quantization != other.quantization:
            return False
        pairs = ((self.width, other.width), (self.height, other.height), (self.macs, other.macs))
        return all(one is None or two is None or one <= two for one, two in pairs)


def _given(budgets: SearchBudgets) -> dict[str, int | float]:
    return budgets.model_dump(exclude_none=True)


class Space(Document):
    """The values of every dimension of a search, and its budgets."""

    budgets: dict[str, Annotated[SearchBudgets, PlainSerializer(_given)]]
    """Limits by target."""

    widths: tuple[float | None, ...]
    heights: tuple[int | None, ...]
    quantizations: tuple[Quantization, ...]
    macs: tuple[float, ...]
    factor: int
    """One combination in so many is trained on."""

    epochs: tuple[int, ...]
    """Length of the trainings, ascending; ``(0,)`` where the pipeline does not train."""

    @property
    def rungs(self) -> range:
        """Numbers of the rungs that train, from 1; the last is the training in full."""
        return range(1, len(self.epochs) + 1)

    def combinations(self) -> list[Combination]:
        """Return every combination, the smallest first."""
        product = itertools.product(self.widths, self.heights, self.quantizations, self.macs)
        return sorted(
            (
                Combination(width=width, height=height, quantization=quantization, macs=macs)
                for width, height, quantization, macs in product
            ),
            key=_smallness,
        )


def _smallness(combination: Combination) -> tuple[float, int, str]:
    """Order by about how much there is to compute, which grows with the square of channels and of sides."""
    scale = (combination.width or 1.0) ** 2 * (combination.height or 1) ** 2 * combination.macs
    return scale, FLOAT_BYTES.get(combination.quantization, 1), combination.quantization


class Ratio(Document):
    """Latency as a multiple of the original network's float32 file, with its confidence interval."""

    ratio: float = Field(gt=0, allow_inf_nan=False)
    low: float = Field(gt=0, allow_inf_nan=False)
    high: float = Field(gt=0, allow_inf_nan=False)


class TargetOutcome(Document):
    """The measurements on one target."""

    size: int | None = Field(default=None, gt=0)
    """Bytes of the model files; None where none was made."""

    latency: Ratio | None = None
    """None where the target has no latency, or no file was made."""

    accuracy: float | None = None
    """Task metric: of the shipping runtime, or of PyTorch in a training in part; None before any training."""

    missed: tuple[str, ...] = ()
    """Links of the verification chain and budgets of the pipeline itself that do not hold."""


class Outcome(Document):
    """The measurements of a combination at one rung, as a study stores them."""

    targets: dict[str, TargetOutcome] = Field(default_factory=dict)
    original: float | None = None
    """Task metric of the original network in fp32 after as many epochs; None before any training."""

    failed: str = ""
    """The reason why nothing was measured, where this combination cannot be made."""

    seconds: float = 0.0
    """Wall time."""

    def drop(self, target: str) -> float | None:
        """Return the loss on a target against the original network, negative for a gain."""
        found = self.targets.get(target)
        if found is None or found.accuracy is None or self.original is None:
            return None
        return lowered(self.original, found.accuracy)


def lowered(metric: float, by: float) -> float:
    """Return a task metric less something, without the last binary digits.

    >>> 0.9015 - 0.8915, lowered(0.9015, 0.8915)
    (0.010000000000000009, 0.01)
    """
    return round(metric - by, 9)


class SearchedTarget(Document):
    """The figures of a combination on one target."""

    size_bytes: int | None = None
    latency: Ratio | None = None
    accuracy: float | None = None
    drop: float | None = None
    """Loss of the task metric against the original network."""


class SearchTrial(Combination):
    """A combination with its measurements and the verdict on it."""

    rung: int
    """The highest rung that it reached."""

    epochs: int
    """Length of the training there; 0 before any training."""

    in_full: bool
    """Whether it was trained in full."""

    original: float | None
    """Task metric of the original network in fp32 after as many epochs."""

    targets: dict[str, SearchedTarget]
    """Size and latency as last measured, accuracy where it was; empty where nothing could be made."""

    meets: bool
    """Whether it was trained in full and meets every budget."""

    verdict: str
    """The verdict in words."""

    seconds: float
    """Wall time of the highest rung."""


class SearchResult(Document):
    """The result of a search; ``search.json`` holds it."""

    name: str
    """Name of the pipeline."""

    directory: Path
    """Directory of the table, the plot and the winner."""

    finished: bool
    """Whether the search was completed; False if its time was up."""

    winner: SearchTrial | None
    """The cheapest that meets every budget; before the search is finished, of those trained so far."""

    pipeline: Path | None
    """The winner's pipeline file."""

    error: ErrorReport | None
    """The reason why there is no winner."""

    space: Space
    combinations: int
    """Number of combinations of the space."""

    trials: tuple[SearchTrial, ...]
    """Every combination that was measured, those trained longest first, then the nearest to the budgets."""

    seconds: float
    """Wall time of the process."""

    host: Host

    @property
    def exit_code(self) -> int:
        """0 if there is a winner, else 3."""
        return 0 if self.error is None else self.error.exit_code
