"""The interface of a training method: its loss and what it changes in the network while it trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch
    from pydantic import JsonValue
    from torch import Tensor


class Method(Protocol):
    """A loss, and the changes to the network that go with it."""

    @property
    def identity(self) -> dict[str, JsonValue]:
        """Return the settings that decide the result, as JSON; a snapshot of another method is refused."""

    def to(self, device: torch.device) -> None:
        """Move the method's tensors to the device of the network."""

    def before_step(self, share: float) -> None:
        """Prepare the network for a training step.

        Args:
            share: Steps done as a share of all steps of the training, within [0, 1).
        """

    def loss(self, inputs: Tensor, outputs: Any, targets: Any, /) -> Tensor:
        """Return the loss of a step, a float32 scalar.

        Args:
            inputs: Input of the network, float32 ``[N, C, H, W]``.
            outputs: Its outputs: logits ``[N, classes]``, or several maps.
            targets: As the task gives them: labels, int64 ``[N]``; class probabilities, float32 ``[N,
                classes]``; or boxes.
        """
