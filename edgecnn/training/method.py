"""What a step minimizes, and what changes on the way: the part in which trainings of one loop differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Method(Protocol):
    """How a network learns from a batch."""

    @property
    def identity(self) -> dict[str, Any]:
        """What decides the outcome, as JSON: a snapshot of another method is refused."""

    def to(self, device: torch.device) -> None:
        """Move what the method holds to where the network trains."""

    def before_step(self, share: float) -> None:
        """Prepare the network for a step.

        Args:
            share: Steps done, as a share of all of the training's steps, within [0, 1).
        """

    def loss(self, inputs: Tensor, outputs: Any, targets: Any, /) -> Tensor:
        """Return what the step minimizes, a float32 scalar.

        Args:
            inputs: What the network was given, float32 ``[N, C, H, W]``.
            outputs: What it answered: logits ``[N, classes]``, or several maps.
            targets: As the task gives them: labels, int64 ``[N]``, class probabilities, float32
                ``[N, classes]``, or boxes.
        """
