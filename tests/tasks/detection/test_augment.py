from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from edgecnn.core.config.training import BoxAugmentSettings
from edgecnn.data.source import open_source
from edgecnn.ondevice.contract import Contract
from edgecnn.tasks.detection.augment import Sample, affine, mirror, mix, mosaic, recolor

if TYPE_CHECKING:
    from pathlib import Path

CONTRACT = Contract(height=64, width=64, resize="letterbox")
RED = np.array([250, 10, 10], np.uint8)


def marked(left: int, top: int, right: int, bottom: int, height: int = 48, width: int = 64) -> Sample:
    """A gray photo with a red rectangle, and its box."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[top:bottom, left:right] = RED
    corners = np.array([[left, top, right, bottom]], np.float32)
    return Sample(pixels, corners, np.array([1]), np.array([False]))


CROWD = 7


def with_crowd(sample: Sample, *corners: float) -> Sample:
    """The same photo with a crowd, whose label tells it from what is learnt."""
    return Sample(
        sample.pixels,
        np.concatenate([sample.corners, np.array([corners], np.float32)]),
        np.append(sample.labels, CROWD),
        np.append(sample.ignored, True),
    )


def red_box(pixels: np.ndarray) -> np.ndarray:
    y, x = np.nonzero((pixels[..., 0] > 170) & (pixels[..., 1] < 50))
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], np.float32)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_a_box_moves_with_its_pixels(seed: int) -> None:
    random = np.random.default_rng(seed)
    chosen = BoxAugmentSettings(scale=(0.6, 1.6), translate=0.3)
    moved = affine(marked(20, 12, 44, 36), chosen, CONTRACT, random)
    assert moved.pixels.shape == (64, 64, 3)
    if len(moved.labels):
        np.testing.assert_allclose(moved.corners[0], red_box(moved.pixels), atol=1.6)


def test_a_rotated_box_holds_its_pixels() -> None:
    chosen = BoxAugmentSettings(rotate=30)
    for seed in range(20):
        moved = affine(marked(20, 12, 44, 36), chosen, CONTRACT, np.random.default_rng(seed))
        box, seen = moved.corners[0], red_box(moved.pixels)
        assert (box[:2] <= seen[:2] + 1).all()
        assert (box[2:] >= seen[2:] - 1).all()


@pytest.fixture(scope="module")
def photos(shared_data: Path) -> list[Sample]:
    """Photos of COCO at most 640 pixels large: all that have a crowd, and five others."""
    source = open_source(str(shared_data / "coco" / "eval.json"), cache_dir=shared_data)
    assert source.objects is not None
    crowded = [index for index in range(len(source)) if source.objects[index].ignored.any()]
    return [
        Sample(
            np.asarray(source.load(index)),
            source.objects[index].boxes,
            source.objects[index].labels,
            source.objects[index].ignored,
        )
        for index in (*crowded, *range(5))
    ]


def test_photos_and_their_boxes_move_as_torchvision_moves_them(photos: list[Sample]) -> None:
    contract = Contract(height=640, width=640, resize="letterbox")
    chosen = BoxAugmentSettings(scale=(0.6, 1.4), translate=0.2, rotate=20)
    crowds = 0
    for seed, photo in enumerate(photos):
        moved = affine(photo, chosen, contract, np.random.default_rng(seed))
        draws = np.random.default_rng(seed)
        scale, angle = draws.uniform(0.6, 1.4), draws.uniform(-20, 20)
        shift = (draws.uniform(-0.2, 0.2, 2) * 640).tolist()
        height, width = photo.pixels.shape[:2]
        middle, still = [width / 2, height / 2], [0.0, 0.0]

        boxes = tv_tensors.BoundingBoxes(
            photo.corners, format="XYXY", canvas_size=(640, 640), clamping_mode=None
        )
        whole = functional.affine(boxes, angle, shift, scale, still, center=middle)
        seen = functional.clamp_bounding_boxes(whole, clamping_mode="hard")
        sides, area = seen[:, 2:] - seen[:, :2], (whole[:, 2:] - whole[:, :2]).prod(1)
        learnt = (sides >= 3).all(1) & (sides.prod(1) >= 0.2 * area)
        kept = torch.where(torch.from_numpy(photo.ignored), (sides > 0).all(1), learnt)
        np.testing.assert_allclose(moved.corners, seen[kept].numpy(), atol=1e-3)
        np.testing.assert_array_equal(moved.ignored, photo.ignored[kept])
        crowds += int(moved.ignored.sum())

        pad = contract.pad_value
        letterboxed = functional.pad(Image.fromarray(photo.pixels), [0, 0, 640 - width, 640 - height], pad)
        pixels = functional.affine(
            letterboxed, angle, shift, scale, still, InterpolationMode.BILINEAR, [pad] * 3, middle
        )
        away = np.abs(np.asarray(pixels).astype(int) - moved.pixels).max(axis=2) > 1
        assert away.mean() < 0.01, "torchvision mixes the photo's border with the padding, and nothing else"

        turned = mirror(moved)
        boxes = tv_tensors.BoundingBoxes(moved.corners, format="XYXY", canvas_size=(640, 640))
        np.testing.assert_array_equal(turned.corners, functional.horizontal_flip(boxes).numpy())
        flipped = functional.horizontal_flip(Image.fromarray(moved.pixels))
        np.testing.assert_array_equal(turned.pixels, np.asarray(flipped))
    assert crowds > 0, "no crowd was left to compare"


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_boxes_of_a_mosaic_are_where_their_pixels_are(seed: int) -> None:
    random = np.random.default_rng(seed)
    plain = Sample(
        np.full((48, 64, 3), 90, np.uint8),
        np.empty((0, 4), np.float32),
        np.empty(0, np.int64),
        np.empty(0, bool),
    )
    samples = [marked(20, 12, 44, 36), plain, plain, plain]
    order = random.permutation(4)
    made = mosaic([samples[index] for index in order], BoxAugmentSettings(), CONTRACT, random)
    assert made.pixels.shape == (64, 64, 3)
    assert (made.corners >= 0).all()
    assert (made.corners <= 64).all()
    if len(made.labels):
        np.testing.assert_allclose(made.corners[0], red_box(made.pixels), atol=1.6)


def test_a_box_of_which_little_is_left_is_dropped() -> None:
    chosen = BoxAugmentSettings(translate=0.5)
    kept = [
        len(affine(marked(0, 0, 20, 20), chosen, CONTRACT, np.random.default_rng(seed)).labels)
        for seed in range(40)
    ]
    assert 0 < sum(kept) < 40


def test_mirroring_twice_is_nothing() -> None:
    sample = marked(20, 12, 44, 36)
    once, twice = mirror(sample), mirror(mirror(sample))
    np.testing.assert_array_equal(once.corners, [[20, 12, 44, 36]])
    np.testing.assert_array_equal(mirror(marked(0, 12, 10, 36)).corners, [[54, 12, 64, 36]])
    np.testing.assert_array_equal(twice.pixels, sample.pixels)
    np.testing.assert_array_equal(twice.corners, sample.corners)


def test_mixup_keeps_the_boxes_of_both() -> None:
    first = affine(marked(2, 2, 20, 20), BoxAugmentSettings(), CONTRACT, np.random.default_rng(0))
    second = affine(marked(30, 20, 60, 40), BoxAugmentSettings(), CONTRACT, np.random.default_rng(0))
    mixed = mix(first, second, np.random.default_rng(0))
    assert len(mixed.labels) == 2
    assert mixed.pixels.dtype == np.uint8


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_crowds_move_with_the_photo_and_stay_crowds(seed: int) -> None:
    random = np.random.default_rng(seed)
    sample = with_crowd(marked(2, 2, 14, 14), 20, 12, 44, 36)
    plain = marked(20, 12, 44, 36)
    settings = BoxAugmentSettings(scale=(0.8, 1.2), translate=0.1)
    whole = affine(sample, settings, CONTRACT, random)
    for made in (
        mosaic([sample, plain, sample, plain], BoxAugmentSettings(), CONTRACT, random),
        whole,
        mirror(whole),
        mix(whole, mirror(whole), random),
    ):
        assert made.ignored.tolist() == (made.labels == CROWD).tolist()
        assert len(made.ignored) == len(made.corners)
    assert mirror(whole).ignored.any()
    # A crowd goes where a box of the same corners goes.
    draws = np.random.default_rng(seed), np.random.default_rng(seed)
    crowd, box = (
        affine(each, settings, CONTRACT, draw) for each, draw in zip((sample, plain), draws, strict=True)
    )
    np.testing.assert_array_equal(crowd.corners[crowd.ignored], box.corners)


def test_a_crowd_of_which_little_is_left_is_still_one() -> None:
    chosen, lost = BoxAugmentSettings(translate=0.5), 0
    for seed in range(40):
        sample = with_crowd(marked(0, 0, 20, 20), 0, 0, 20, 20)
        moved = affine(sample, chosen, CONTRACT, np.random.default_rng(seed))
        crowds = moved.corners[moved.ignored]
        assert (crowds[:, 2:] > crowds[:, :2]).all()
        assert len(crowds) >= (~moved.ignored).sum()
        lost += len(crowds) - int((~moved.ignored).sum())
    assert lost > 0, "no draw left little of the box"


@pytest.mark.parametrize("channels", [1, 3])
def test_recoloring_changes_colours_within_bytes(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, channels), np.uint8)
    gains = (0.1, 0.5, 0.5)
    changed = recolor(pixels, gains, np.random.default_rng(1))
    assert changed.shape == pixels.shape
    assert changed.dtype == np.uint8
    assert (changed != pixels).mean() > 0.5


@pytest.mark.parametrize(
    "values", [{"scale": (2.0, 1.0)}, {"mosaic_scale": (0.0, 1.0)}, {"hsv": (0, 2, 0)}, {"mosaic": 1.5}]
)
def test_settings_are_checked(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"within|less than"):
        BoxAugmentSettings(**values)
