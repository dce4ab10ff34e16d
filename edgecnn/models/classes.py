"""Default class names: those of ImageNet, or numbers."""

from __future__ import annotations

import functools

IMAGENET_CLASSES = 1000
"""Number of classes of ImageNet."""


@functools.cache
def imagenet_classes() -> tuple[str, ...]:
    """Return the 1000 class names of ImageNet, in the order of every ImageNet network's outputs."""
    from torchvision.models import get_model_weights

    return tuple(get_model_weights("mobilenet_v2").DEFAULT.meta["categories"])


def numbered(count: int) -> tuple[str, ...]:
    """Return numbers as the names of unnamed classes.

    >>> numbered(3)
    ('0', '1', '2')
    """
    return tuple(str(index) for index in range(count))
