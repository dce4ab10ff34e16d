"""What a rung of the recovery ladder came to."""

from __future__ import annotations

from edgecnn.core.documents.document import Document


class RungResult(Document):
    """What an attempt at a target came to."""

    rung: str
    met: bool
    """Whether the accuracy budgets are met and every link of the chain holds."""

    value: float | None = None
    """Task metric in the shipping runtime; None where it was not measured."""

    drop: float | None = None
    """Loss against fp32 PyTorch on the same images."""

    agreement: float | None = None
    """Share of images with fp32's class."""

    sqnr_db: float | None = None
    """Of the outputs in shipping execution against the float file."""

    seconds: float = 0.0
    """What the steps cost that no cheaper rung needs."""

    control: float | None = None
    """For ``qat``, the task metric of the float fine-tuning of equal steps."""

    note: str = ""
    """Why nothing was measured."""
