"""Random changes of training images; all draws come from torch's global generator.

Pixels change as uint8 before normalization, as in the papers. Mixup and CutMix come after normalization,
where they are the same operation, because normalization is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

if TYPE_CHECKING:
    from edgecnn.core.config.training import AugmentSettings

PixelTransform = Callable[[Tensor], Tensor]
MixTransform = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def random_crop(images: Tensor, pad: int) -> Tensor:
    """Shift every image at random by up to ``pad`` pixels and fill with black.

    The same as padding with ``pad`` pixels on each side and cropping at random (He et al., 2016).

    Args:
        images: uint8 ``[N, H, W, C]``.
        pad: Width of the border in pixels.

    Returns:
        uint8 ``[N, H, W, C]``.
    """
    count, height, width, channels = images.shape
    padded = images.new_zeros((count, height + 2 * pad, width + 2 * pad, channels))
    padded[:, pad : pad + height, pad : pad + width] = images
    corners = torch.randint(0, 2 * pad + 1, (count, 2)).tolist()
    return torch.stack(
        [
            image[top : top + height, left : left + width]
            for image, (top, left) in zip(padded, corners, strict=True)
        ]
    )


def random_flip(images: Tensor) -> Tensor:
    """Mirror each image left to right with probability one half; uint8 ``[N, H, W, C]``."""
    mirrored = torch.rand(len(images)) < 0.5
    return torch.where(mirrored[:, None, None, None], images.flip(2), images)


def per_image(transform: Callable[[Tensor], Tensor]) -> PixelTransform:
    """Apply a torchvision transform of uint8 ``[C, H, W]`` to each image of ``[N, H, W, C]``."""

    def apply(images: Tensor) -> Tensor:
        return torch.stack([transform(image.permute(2, 0, 1)).permute(1, 2, 0) for image in images])

    return apply


def pixel_transforms(settings: AugmentSettings, height: int, width: int) -> PixelTransform:
    """Return the augmentation of a batch of uint8 images ``[N, H, W, C]`` of the input's size."""
    steps: list[PixelTransform] = []
    if settings.pad_crop:
        steps.append(lambda images: random_crop(images, settings.pad_crop))
    if settings.resized_crop is not None:
        scale = (settings.resized_crop, 1.0)
        steps.append(per_image(v2.RandomResizedCrop((height, width), scale=scale, antialias=True)))
    if settings.flip:
        steps.append(random_flip)
    if settings.randaugment is not None:
        steps.append(
            per_image(
                v2.RandAugment(
                    num_ops=settings.randaugment.operations,
                    magnitude=settings.randaugment.magnitude,
                    interpolation=InterpolationMode.BILINEAR,
                )
            )
        )

    def apply(images: Tensor) -> Tensor:
        for step in steps:
            images = step(images)
        return images.contiguous()

    return apply


def mix_transform(settings: AugmentSettings, classes: int) -> MixTransform:
    """Return mixup, CutMix, a random choice of the two for each batch, or nothing.

    It takes float32 ``[N, C, H, W]`` and int64 labels ``[N]``; mixing makes the labels float32
    ``[N, classes]``.
    """
    mixes: list[MixTransform] = []
    if settings.mixup:
        mixes.append(v2.MixUp(alpha=settings.mixup, num_classes=classes))
    if settings.cutmix:
        mixes.append(v2.CutMix(alpha=settings.cutmix, num_classes=classes))
    if not mixes:
        return lambda images, labels: (images, labels)
    return mixes[0] if len(mixes) == 1 else v2.RandomChoice(mixes)
