"""Transposed convolutions with any padding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.nn import functional

from edgecnn.models.imported.settings import integers, number, pads, pair, unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.models.imported.graph import ImportedNode


class CroppedConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution whose result is cut, or made larger, differently on each side.

    Args:
        crop: Pixels to remove at the left, right, top and bottom; a negative number adds pixels.
        settings: Settings of the layer, whose own padding is 0.
    """

    def __init__(self, crop: tuple[int, int, int, int], **settings: Any) -> None:
        super().__init__(**settings)
        self._sides = [-side for side in crop]

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:  # noqa: A002
        """Spread a map, cut it, and add the bias, which added pixels get too."""
        if output_size is not None:
            raise ValueError("the size of the result is that of the file")
        whole = functional.conv_transpose2d(
            input, self.weight, None, self.stride, 0, 0, self.groups, self.dilation
        )
        part = functional.pad(whole, self._sides)
        return part if self.bias is None else part + self.bias.reshape(-1, 1, 1)


def transposed_convolution(node: ImportedNode) -> nn.Module:
    """Return the layer of a ConvTranspose node.

    Raises:
        InputError: Its kernel is not that of a map.
    """
    inputs, outputs, *kernel = node.weights["weight"]
    more = integers(node, "output_padding") or [0, 0]
    if len(kernel) != 2 or len(more) != 2 or min(more) < 0:
        raise unsupported(node, f"its kernel is {kernel}, its output_padding {more}")
    groups, stride, dilation = int(number(node, "group", 1)), pair(node, "strides"), pair(node, "dilations")
    settings: dict[str, Any] = {
        "in_channels": inputs,
        "out_channels": outputs * groups,
        "kernel_size": tuple(kernel),
        "stride": stride,
        "dilation": dilation,
        "groups": groups,
        "bias": "bias" in node.weights,
    }
    top, left, bottom, right = pads(node)
    fits = all(extra < max(step, gap) for extra, step, gap in zip(more, stride, dilation, strict=True))
    if (top, left) == (bottom, right) and fits:
        return nn.ConvTranspose2d(**settings, padding=(top, left), output_padding=(more[0], more[1]))
    return CroppedConvTranspose2d((left, right - more[1], top, bottom - more[0]), **settings)
