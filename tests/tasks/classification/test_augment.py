from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import pad

from edgecnn.core.config.training import AugmentSettings, RandAugmentSettings
from edgecnn.tasks.classification.augment import mix_transform, pixel_transforms, random_crop, random_flip


def numbered(count: int, height: int, width: int, channels: int) -> torch.Tensor:
    """Images in which every pixel has a value of its own, as far as a byte goes, and none is 0."""
    size = count * height * width * channels
    return (torch.arange(size) % 255 + 1).to(torch.uint8).reshape(count, height, width, channels)


@settings(max_examples=30)
@given(
    st.integers(1, 4),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([1, 3]),
    st.integers(1, 4),
    st.integers(0, 2**31),
)
def test_random_crop_is_a_window_of_the_padded_image(
    count: int, height: int, width: int, channels: int, border: int, seed: int
) -> None:
    images = numbered(count, height, width, channels)
    torch.manual_seed(seed)
    cropped = random_crop(images, border)
    assert cropped.shape == images.shape
    padded = pad(images.permute(0, 3, 1, 2), (border,) * 4).permute(0, 2, 3, 1)
    for image, whole in zip(cropped, padded, strict=True):
        windows = (
            whole[top : top + height, left : left + width]
            for top in range(2 * border + 1)
            for left in range(2 * border + 1)
        )
        assert any(torch.equal(image, window) for window in windows)


def test_random_crop_draws_for_each_image_and_reaches_every_offset() -> None:
    image = numbered(1, 4, 4, 1)
    torch.manual_seed(0)
    cropped = random_crop(image.repeat(400, 1, 1, 1), 1)
    assert len(torch.unique(cropped.flatten(1), dim=0)) == 9


def test_random_flip_mirrors_about_half() -> None:
    images = numbered(1, 3, 5, 3).repeat(400, 1, 1, 1)
    torch.manual_seed(0)
    flipped = random_flip(images)
    mirrored = (flipped == images.flip(2)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert torch.all(mirrored ^ kept)
    assert 150 < int(mirrored.sum()) < 250


def test_without_settings_nothing_changes() -> None:
    images = numbered(3, 6, 6, 3)
    assert torch.equal(pixel_transforms(AugmentSettings(), 6, 6)(images), images)
    labels = torch.tensor([0, 1, 2])
    mixed, targets = mix_transform(AugmentSettings(), 3)(images.float(), labels)
    assert torch.equal(mixed, images.float())
    assert torch.equal(targets, labels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "settings",
    [
        AugmentSettings(resized_crop=0.3),
        AugmentSettings(randaugment=RandAugmentSettings(operations=3, magnitude=15)),
        AugmentSettings(pad_crop=2, flip=True, randaugment=RandAugmentSettings()),
    ],
    ids=["resized_crop", "randaugment", "all"],
)
def test_pixel_transforms_keep_size_type_and_seed(settings: AugmentSettings, channels: int) -> None:
    images = numbered(4, 20, 14, channels)
    results = []
    for _ in range(2):
        torch.manual_seed(3)
        results.append(pixel_transforms(settings, 20, 14)(images))
    assert results[0].dtype == torch.uint8
    assert results[0].shape == images.shape
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], images)


@pytest.mark.parametrize(
    "settings",
    [AugmentSettings(mixup=0.4), AugmentSettings(cutmix=1.0), AugmentSettings(mixup=0.4, cutmix=1.0)],
    ids=["mixup", "cutmix", "both"],
)
def test_mixed_labels_are_shares(settings: AugmentSettings) -> None:
    torch.manual_seed(0)
    images = torch.rand(6, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    mixed, targets = mix_transform(settings, 5)(images, torch.arange(6) % 5)
    assert mixed.shape == images.shape
    assert mixed.is_contiguous(memory_format=torch.channels_last)
    assert targets.shape == (6, 5)
    assert torch.allclose(targets.sum(1), torch.ones(6))


def test_two_crops_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="exclude each other"):
        AugmentSettings(pad_crop=2, resized_crop=0.5)
