from __future__ import annotations

import io
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from edgecnn.ondevice import preprocess
from edgecnn.ondevice.contract import Color, Contract, Interpolation, Resize
from edgecnn.ondevice.preprocess import FORMATS, ImageError, decode_image, geometry, open_image, place
from edgecnn.ondevice.resize import resize_array

SQUARE = Contract(height=24, width=24)
SAME = Contract(height=30, width=40, resize="squash")


def photo(height: int = 30, width: int = 40) -> Image.Image:
    y, x = np.mgrid[0:height, 0:width]
    return Image.fromarray(np.stack([x * 5 % 256, y * 7 % 256, (x + y) * 3 % 256], -1).astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_is_decoded(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "photo"
    file.write_bytes(encoded(photo(), kind))
    assert geometry(open_image(file), SQUARE).shape == (24, 24, 3)


def test_a_phones_two_picture_jpeg_is_decoded() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo()])
    assert decode_image(data).size == (40, 30)


@pytest.mark.parametrize(
    ("size", "crop_fraction", "interpolation"),
    [(224, 0.875, "bilinear"), (240, 0.96, "bicubic"), (33, 1.0, "bilinear")],
)
def test_crop_equals_torchvision(
    imagenet: Path, size: int, crop_fraction: float, interpolation: Interpolation
) -> None:
    transforms = pytest.importorskip("torchvision.transforms")
    theirs = transforms.Compose(
        [
            transforms.Resize(int(size / crop_fraction), transforms.InterpolationMode(interpolation)),
            transforms.CenterCrop(size),
        ]
    )
    contract = Contract(height=size, width=size, crop_fraction=crop_fraction, interpolation=interpolation)
    for file in sorted((imagenet / "images").iterdir())[:25]:
        image = open_image(file)
        np.testing.assert_array_equal(
            geometry(image, contract), theirs(image.convert("RGB")), err_msg=file.name
        )


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    resize=st.sampled_from(["crop", "squash", "letterbox"]),
    color=st.sampled_from(["rgb", "bgr", "gray"]),
)
@settings(max_examples=150)
def test_geometry_is_resize_crop_and_pad(
    height: int, width: int, size: tuple[int, int], resize: Resize, color: Color
) -> None:
    """The whole of geometry, written again with numpy's definition of the resize."""
    count = 1 if color == "gray" else 3
    contract = Contract(*size, resize=resize, color=color, mean=(0.0,) * count, std=(1.0,) * count)
    image = photo(height, width)
    where = place(height, width, contract)
    source = np.asarray(image.convert("L"))[..., None] if color == "gray" else np.asarray(image)
    resized = resize_array(source, where.height, where.width, "bilinear")
    resized = resized[where.top : where.top + size[0], where.left : where.left + size[1]]
    if color == "bgr":
        resized = resized[..., ::-1]
    expected = np.full((*size, contract.channels), 114, np.uint8)
    expected[: resized.shape[0], : resized.shape[1]] = resized
    if resize != "letterbox":
        assert resized.shape == expected.shape, "only letterboxing pads"
    np.testing.assert_array_equal(geometry(image, contract), expected)


def test_letterbox_keeps_the_aspect_ratio_at_the_top_left() -> None:
    contract = Contract(height=20, width=20, resize="letterbox", pad_value=7)
    result = geometry(Image.new("RGB", (40, 20), (200, 100, 50)), contract)
    assert (result[:10] == (200, 100, 50)).all()
    assert (result[10:] == 7).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_image(encoded(photo(), "PNG", exif=exif))
    np.testing.assert_array_equal(geometry(image, SQUARE), geometry(ImageOps.exif_transpose(image), SQUARE))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF:UserWarning")
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\xff\xff"]
)
def test_broken_exif_counts_as_none(exif: bytes) -> None:
    image = decode_image(encoded(photo(), "JPEG", exif=exif))
    assert geometry(image, SAME).shape == (30, 40, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = photo().convert("P").convert("PA") if mode == "PA" else photo().convert(mode)
    np.testing.assert_array_equal(geometry(image, SAME), image.convert("RGB"))
    gray = Contract(height=30, width=40, resize="squash", color="gray", mean=(0.0,), std=(1.0,))
    assert geometry(image, gray).shape == (30, 40, 1)


def test_transparent_pixels_are_laid_on_white() -> None:
    image = photo().convert("RGBA")
    alpha = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40) % 256
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    scaled = np.asarray(photo()).astype(np.float64) * alpha[..., None] / 255.0
    wanted = np.round(scaled).astype(np.int64) + 255 - alpha[..., None]
    np.testing.assert_array_equal(geometry(image, SAME), wanted)
    np.testing.assert_array_equal(geometry(decode_image(encoded(image, "PNG")), SAME), wanted)
    gray = Contract(height=30, width=40, resize="squash", color="gray", mean=(0.0,), std=(1.0,))
    image.putalpha(0)
    assert (geometry(image, gray) == 255).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_transparent_colour_of_a_file_is_white(kind: str) -> None:
    for mode in ("P", "L", "RGB", "1") if kind == "PNG" else ("P",):
        image = Image.new(mode, (40, 30), 0)
        colour = (0, 0, 0) if mode == "RGB" else 0
        data = encoded(image, kind, transparency=colour)
        assert (geometry(decode_image(data), SAME) == 255).all(), mode
        assert (geometry(decode_image(encoded(image, kind)), SAME) == 0).all(), mode


def test_the_first_picture_of_an_animation_is_taken() -> None:
    black, white = Image.new("L", (40, 30), 0), Image.new("L", (40, 30), 255)
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        data = encoded(black, kind, save_all=True, append_images=[white, white])
        assert (geometry(decode_image(data), SAME) == 0).all(), kind


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "P"])
def test_deeper_and_paletted_files_are_those_of_eight_bits(mode: str) -> None:
    image = photo().convert(mode)
    np.testing.assert_array_equal(
        geometry(decode_image(encoded(image, "PNG")), SAME), image.convert("RGB"), err_msg=mode
    )


def test_sixteen_bits_keep_the_high_byte() -> None:
    values = np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50
    result = geometry(decode_image(encoded(Image.fromarray(values), "PNG")), SAME)
    np.testing.assert_array_equal(result[..., 0], values >> 8)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("F", (40, 30)), "floating-point"),
        (Image.new("I", (40, 30), 70_000), "16 bits"),
        (Image.new("La", (40, 30)), "mode La"),
        (Image.new("L", (1, 20_000)), "too narrow"),
    ],
)
def test_images_without_a_defined_result_are_refused(image: Image.Image, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        geometry(image, Contract(height=224, width=224))


def test_files_that_are_no_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="No such file"):
        open_image(tmp_path / "absent.jpg")
    with pytest.raises(ImageError, match="directory"):
        open_image(tmp_path)
    for data in (b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"):
        with pytest.raises(ImageError, match="not a JPEG, PNG"):
            decode_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_truncated_files_are_refused(kind: str) -> None:
    data = encoded(photo(300, 400), kind)
    for keep in (len(data) // 2, len(data) * 3 // 4):
        with pytest.raises(ImageError):
            decode_image(data[:keep])


def test_decompression_bombs_are_refused_before_they_are_decoded() -> None:
    header = encoded(Image.new("L", (1, 1)), "PNG")
    for width, height in ((60_000, 60_000), (9_000, 9_000)):
        size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        chunk = b"IHDR" + size + header[24:29]
        bomb = header[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + header[33:]
        with pytest.raises(ImageError, match=r"64 Mi"):
            decode_image(bomb)


def test_large_files_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preprocess, "MAX_FILE_BYTES", 1 << 20)
    file = tmp_path / "large.jpg"
    file.write_bytes(bytes(2 << 20))
    with pytest.raises(ImageError, match="larger than 1 MiB"):
        open_image(file)


SEEDS = [encoded(photo(), kind) for kind in FORMATS]


@given(
    data=st.sampled_from(SEEDS),
    damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    keep=st.floats(0.1, 1.0),
)
@settings(max_examples=300)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_files_decode_or_are_refused(data: bytes, damage: list[tuple[int, int]], keep: float) -> None:
    broken = bytearray(data)
    for position, value in damage:
        broken[position % len(broken)] = value
    reason = "ok"
    try:
        result = geometry(decode_image(bytes(broken[: int(keep * len(broken))])), SQUARE)
    except ImageError as error:
        reason = str(error)
    else:
        assert result.shape == (24, 24, 3)
    assert re.fullmatch(r".*\w.*", reason), f"no single line that says why: {reason!r}"
