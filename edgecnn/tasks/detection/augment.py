"""Random changes of images with boxes: mosaic, affine, flip, colour; all draws from one generator.

All functions work on prepared images, which are letterboxed: the photo is at the top left, the rest is
padding. Pixels change as uint8, before normalization.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from edgecnn.core.config.training import BoxAugmentSettings
    from edgecnn.ondevice.contract import Contract

_LEAST_SIDE = 3.0
_LEAST_SHARE = 0.2


@dataclass(frozen=True)
class Sample:
    """An image with its boxes.

    Attributes:
        pixels: uint8 ``[H, W, C]``.
        corners: float32 ``[n, 4]``, ``x1, y1, x2, y2`` in pixels.
        labels: int64 ``[n]``.
        ignored: bool ``[n]``, crowds and difficult objects; neither they nor objects inside them are learnt.
    """

    pixels: npt.NDArray[np.uint8]
    corners: npt.NDArray[np.float32]
    labels: npt.NDArray[np.int64]
    ignored: npt.NDArray[np.bool_]


def mosaic(
    samples: list[Sample],
    settings: BoxAugmentSettings,
    contract: Contract,
    random: np.random.Generator,
) -> Sample:
    """Join four photos around a random centre, each at a random size (Bochkovskiy et al. 2020, YOLOv4)."""
    height, width = contract.height, contract.width
    canvas = np.full((height, width, contract.channels), contract.pad_value, np.uint8)
    center_x, center_y = random.uniform(0.3, 0.7) * width, random.uniform(0.3, 0.7) * height
    parts = []
    for quadrant, sample in enumerate(samples):
        scale = random.uniform(*settings.mosaic_scale)
        rows, columns = (max(1, round(side * scale)) for side in sample.pixels.shape[:2])
        # The photo's corner is at the centre of the mosaic, the photo in its quadrant.
        left = round(center_x) - (columns if quadrant % 2 == 0 else 0)
        top = round(center_y) - (rows if quadrant < 2 else 0)
        tile = _image(sample.pixels).resize((columns, rows), Image.Resampling.BILINEAR)
        limit_x = (0, round(center_x)) if quadrant % 2 == 0 else (round(center_x), width)
        limit_y = (0, round(center_y)) if quadrant < 2 else (round(center_y), height)
        x1, x2 = max(left, limit_x[0]), min(left + columns, limit_x[1])
        y1, y2 = max(top, limit_y[0]), min(top + rows, limit_y[1])
        if x2 <= x1 or y2 <= y1:
            continue
        pixels = _pixels(tile.crop((x1 - left, y1 - top, x2 - left, y2 - top)), contract)
        canvas[y1:y2, x1:x2] = pixels
        moved = sample.corners * np.float32(scale) + np.array([left, top] * 2, np.float32)
        parts.append(_cut(replace(sample, corners=moved), (x1, y1, x2, y2)))
    return _joined(canvas, parts)


def affine(
    sample: Sample, settings: BoxAugmentSettings, contract: Contract, random: np.random.Generator
) -> Sample:
    """Scale and rotate the photo about its middle and shift it from the contract's position."""
    height, width = contract.height, contract.width
    scale = random.uniform(*settings.scale)
    angle = np.deg2rad(random.uniform(-settings.rotate, settings.rotate))
    shift = random.uniform(-settings.translate, settings.translate, 2) * (width, height)
    rows, columns = sample.pixels.shape[:2]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([columns, rows]) / 2
    offset = middle + shift - turn @ middle
    back = np.linalg.inv(turn)
    fill = (contract.pad_value,) * contract.channels
    moved = _image(sample.pixels).transform(
        (width, height),
        Image.Transform.AFFINE,
        (*back[0], -(back[0] @ offset), *back[1], -(back[1] @ offset)),
        resample=Image.Resampling.BILINEAR,
        fillcolor=fill if contract.channels > 1 else contract.pad_value,
    )
    x, y = sample.corners[:, [0, 2, 0, 2]], sample.corners[:, [1, 1, 3, 3]]
    points = np.stack([x, y], -1) @ turn.T + offset
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], 1).astype(np.float32)
    return _cut(replace(sample, pixels=_pixels(moved, contract), corners=boxes), (0, 0, width, height))


def mirror(sample: Sample) -> Sample:
    """Mirror left to right."""
    width = np.float32(sample.pixels.shape[1])
    corners = sample.corners.copy()
    corners[:, [0, 2]] = width - sample.corners[:, [2, 0]]
    return replace(sample, pixels=np.ascontiguousarray(sample.pixels[:, ::-1]), corners=corners)


def mix(first: Sample, second: Sample, random: np.random.Generator) -> Sample:
    """Blend two images of the same size and keep the boxes of both (Zhang et al. 2018, mixup)."""
    share = random.beta(8.0, 8.0)
    pixels = np.rint(share * first.pixels + (1.0 - share) * second.pixels).astype(np.uint8)
    return _joined(pixels, [first, second])


def recolor(
    pixels: npt.NDArray[np.uint8], gains: tuple[float, float, float], random: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Shift the hue and scale saturation and value at random; uint8 ``[H, W, 3]`` or gray ``[H, W, 1]``."""
    draws = random.uniform(-1.0, 1.0, 3) * gains
    levels = np.arange(256)
    value = np.clip(levels * (1.0 + draws[2]), 0, 255).astype(np.uint8)
    if pixels.shape[2] == 1:
        return np.take(value, pixels)
    hue = np.rint(levels + 255.0 * draws[0]).astype(np.int64) % 256
    saturation = np.clip(levels * (1.0 + draws[1]), 0, 255).astype(np.uint8)
    table = [*hue.tolist(), *saturation.tolist(), *value.tolist()]
    return np.asarray(Image.fromarray(pixels).convert("HSV").point(table).convert("RGB"))


def _cut(sample: Sample, window: tuple[float, float, float, float]) -> Sample:
    """Cut a sample's boxes at the borders of a window, and drop those of which too little is left.

    An ignored box stays as long as any part of it is visible, because whole objects may be visible in it.
    """
    x1, y1, x2, y2 = window
    cut = np.clip(sample.corners, np.array([x1, y1] * 2), np.array([x2, y2] * 2)).astype(np.float32)
    sides, whole = cut[:, 2:] - cut[:, :2], sample.corners[:, 2:] - sample.corners[:, :2]
    share = sides.prod(axis=1) / np.maximum(whole.prod(axis=1), 1e-6)
    side = sides.min(axis=1, initial=np.inf)
    kept = np.where(sample.ignored, side > 0, (side >= _LEAST_SIDE) & (share >= _LEAST_SHARE))
    return Sample(sample.pixels, cut[kept], sample.labels[kept], sample.ignored[kept])


def _joined(pixels: npt.NDArray[np.uint8], parts: list[Sample]) -> Sample:
    return Sample(
        pixels,
        np.concatenate([np.empty((0, 4), np.float32), *(part.corners for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.labels for part in parts)]),
        np.concatenate([np.empty(0, np.bool_), *(part.ignored for part in parts)]),
    )


def _image(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[..., 0])


def _pixels(image: Image.Image, contract: Contract) -> npt.NDArray[np.uint8]:
    return np.asarray(image).reshape(image.height, image.width, contract.channels)
