"""The result of a rung of the recovery ladder."""

from __future__ import annotations

from edgecnn.core.documents.document import Document


class RungResult(Document):
    """The result of an attempt at a target."""

    rung: str
    met: bool
    """Whether the accuracy budgets are met and every link of the chain holds."""

    value: float | None = None
    """Task metric in the shipping runtime; None if not measured."""

    drop: float | None = None
    """Loss against fp32 PyTorch on the same images."""

    agreement: float | None = None
    """Share of images with fp32's class."""

    sqnr_db: float | None = None
    """SQNR of the outputs in shipping execution against the float file."""

    seconds: float = 0.0
    """Seconds of the steps that no cheaper rung needs."""

    control: float | None = None
    """For ``qat``, the task metric of the float fine-tuning of equal steps."""

    note: str = ""
    """Reason why nothing was measured."""
