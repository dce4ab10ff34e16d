"""The result of a link of the verification chain."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, computed_field, model_validator

from edgecnn.core.documents.document import Document, Number


class Bound(Document):
    """A limit on a metric: the least or the most that it may be."""

    left_out: ClassVar[frozenset[str]] = frozenset({"at_least", "at_most"})

    at_least: Number | None = None
    at_most: Number | None = None

    @model_validator(mode="after")
    def _one_side(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a bound has either at_least or at_most")
        return self

    def holds(self, value: float) -> bool:
        """Return whether a value is within the limit; NaN never is."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0.0)

    def __str__(self) -> str:
        return f"at most {self.at_most:g}" if self.at_least is None else f"at least {self.at_least:g}"


class Link(Document):
    """The result of one link of the chain."""

    left_out: ClassVar[frozenset[str]] = frozenset({"output", "outputs"})

    number: int
    """0 to 4; 0 is the import of a file."""

    name: str
    """``import``, ``conversion``, ``quantization``, ``kernels`` or ``task``."""

    compared: str
    """The two things that were compared."""

    metrics: dict[str, Number]
    """Everything measured."""

    limits: dict[str, Bound]
    """Bounds on some of the metrics."""

    cause: str = ""
    """The likely cause if the link is broken, otherwise empty."""

    output: str = ""
    """Name of the judged output, the worst of several; empty if there is only one."""

    outputs: dict[str, Number] = Field(default_factory=dict)
    """Signal to quantization noise ratio of each of several outputs, in dB, by name."""

    @model_validator(mode="after")
    def _bounds_are_on_metrics(self) -> Self:
        missing = self.limits.keys() - self.metrics.keys()
        if missing:
            raise ValueError(f"there is a limit on {min(missing)!r}, which was not measured")
        return self

    @computed_field
    @property
    def passed(self) -> bool:
        """Return whether every limit holds."""
        return not self.broken

    @property
    def broken(self) -> tuple[str, ...]:
        """Return the metrics that miss their limit."""
        return tuple(name for name, bound in self.limits.items() if not bound.holds(self.metrics[name]))

    def message(self) -> str:
        """Return one line: the link, its values with their limits, and the likely cause if it is broken."""
        shown = self.broken or tuple(self.limits)
        numbers = ", ".join(f"{name} {self.metrics[name]:.4g} ({self.limits[name]})" for name in shown)
        verdict = "holds" if self.passed else "is broken"
        cause = f"; likely cause: {self.cause}" if self.cause else ""
        where = f"output {self.output} of {self.compared}" if self.output else self.compared
        return f"link {self.number} ({self.name}) {verdict}: {where}: {numbers}{cause}"
