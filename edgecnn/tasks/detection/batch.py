"""Batches of augmented images with boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from edgecnn.ondevice.decode import to_input
from edgecnn.ondevice.preprocess import place
from edgecnn.tasks.detection.augment import Sample, affine, mirror, mix, mosaic, recolor
from edgecnn.training import batches

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgecnn.core.config.training import AugmentSettings
    from edgecnn.data.prepared import PreparedSet

_STEP = 32
"""Input sizes are multiples of the coarsest stride."""


@dataclass(frozen=True)
class Boxes:
    """The boxes of one image of a batch.

    Attributes:
        corners: float32 ``[n, 4]``, ``x1, y1, x2, y2`` in pixels of the input.
        labels: int64 ``[n]``.
        ignored: float32 ``[k, 4]``, corners of crowds and difficult objects, which are not learnt.
    """

    corners: Tensor
    labels: Tensor
    ignored: Tensor

    def hides(self, points: Tensor) -> Tensor:
        """Return which points lie in an ignored box.

        Args:
            points: float32 ``[P, 2]``, x and y in pixels of the input.

        Returns:
            bool ``[P]``.
        """
        after = (points[:, None] >= self.ignored[:, :2]).all(dim=2)
        before = (points[:, None] <= self.ignored[:, 2:]).all(dim=2)
        return (after & before).any(dim=1)


class BoxBatches:
    """Maker of batches from a prepared set.

    Args:
        prepared: The images.
        settings: Augmentation settings.
    """

    def __init__(self, prepared: PreparedSet, settings: AugmentSettings) -> None:
        self._prepared = prepared
        self._settings = settings
        self._samples = [_sample(prepared, index) for index in range(len(prepared))]

    def batch(
        self, indices: npt.NDArray[np.int64], device: torch.device, *, composed: bool
    ) -> tuple[Tensor, list[Boxes]]:
        """Return normalized images, float32 ``[n, C, H, W]``, and their boxes.

        Args:
            indices: Indices of the images; mosaic and mixup add randomly chosen others.
            device: Device of the tensors.
            composed: Whether images may be composed of several. They are not at the end of a training, whose
                last steps use whole photos.
        """
        random = np.random.default_rng(int(torch.randint(2**62, ()).item()))
        samples = [self._augmented(int(index), random, composed=composed) for index in indices]
        pixels = np.stack([sample.pixels for sample in samples])
        images = batches.to_input(pixels, self._prepared.contract, device)
        scale = self._scale(random)
        if scale != 1.0:
            size = [max(1, round(side * scale / _STEP)) * _STEP for side in images.shape[2:]]
            factor = torch.tensor([size[1] / images.shape[3], size[0] / images.shape[2]] * 2)
            images = interpolate(images, size=size, mode="bilinear", align_corners=False)
        else:
            factor = torch.ones(4)
        return images, [_boxes(sample, factor, device) for sample in samples]

    def _augmented(self, index: int, random: np.random.Generator, *, composed: bool) -> Sample:
        settings = self._settings.boxes
        sample = self._composed(index, random) if composed else self._moved(index, random)
        if composed and random.random() < settings.mixup:
            other = int(random.integers(len(self._samples)))
            sample = mix(sample, self._composed(other, random), random)
        if self._settings.flip and random.random() < 0.5:
            sample = mirror(sample)
        if any(settings.hsv):
            sample = replace(sample, pixels=recolor(sample.pixels, settings.hsv, random))
        return sample

    def _composed(self, index: int, random: np.random.Generator) -> Sample:
        if random.random() >= self._settings.boxes.mosaic:
            return self._moved(index, random)
        others = random.integers(len(self._samples), size=3)
        chosen = [self._samples[number] for number in random.permutation([index, *others])]
        return mosaic(chosen, self._settings.boxes, self._prepared.contract, random)

    def _moved(self, index: int, random: np.random.Generator) -> Sample:
        return affine(self._samples[index], self._settings.boxes, self._prepared.contract, random)

    def _scale(self, random: np.random.Generator) -> float:
        spread = self._settings.boxes.multi_scale
        return float(random.uniform(1.0 - spread, 1.0 + spread)) if spread else 1.0


def _sample(prepared: PreparedSet, index: int) -> Sample:
    """Return the photo of a prepared image without its padding, and its boxes in the input's pixels."""
    assert prepared.objects is not None  # noqa: S101 - checked before the training; tells the type checker
    objects, contract = prepared.objects[index], prepared.contract
    where = place(*objects.size, contract)
    corners = to_input(objects.boxes, contract, objects.size)
    rows, columns = min(where.height, contract.height), min(where.width, contract.width)
    corners = np.clip(corners, 0, np.array([columns, rows] * 2, np.float32))
    return Sample(prepared.images[index][:rows, :columns], corners, objects.labels, objects.ignored)


def _boxes(sample: Sample, factor: Tensor, device: torch.device) -> Boxes:
    """Return the boxes of an image whose corners are multiplied by ``factor``, ``[4]``."""
    corners, ignored = torch.from_numpy(sample.corners) * factor, torch.from_numpy(sample.ignored)
    return Boxes(
        corners[~ignored].to(device),
        torch.from_numpy(sample.labels)[~ignored].to(device),
        corners[ignored].to(device),
    )
