"""Conversion of an image file to a network's input pixels: decode, orient, colour, resize, crop or pad.

These rules hold for training, calibration, evaluation and every package:

* The EXIF orientation is applied, because phones store photos in the sensor's orientation.
* Transparent pixels are laid on white: ``round(value * alpha / 255) + 255 - alpha``. So an image whose pixels
  are all opaque is unchanged, and the colours that hide behind transparency are never seen.
* 16-bit images keep their high byte. Embedded colour profiles are ignored.
* ``crop`` resizes the shorter side and takes the centre exactly as torchvision's ``Resize`` and
  ``CenterCrop`` do,
    which pretrained networks were trained with.
"""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from edgecnn.ondevice.resize import resize_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edgecnn.ondevice.contract import Color, Contract

MAX_FILE_BYTES = 1 << 28
"""Largest image file that is read."""

MAX_PIXELS = 1 << 26
"""Largest image that is decoded: 67 megapixels, 268 MB in memory."""

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""File formats that are decoded; the JPEG decoder also takes MPO, a phone's two-picture JPEG. EPS is excluded
because Pillow would start Ghostscript for it."""

_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TRANSPOSING = range(5, 9)
# Errors of Pillow's decoders on broken files; OSError is for those that they recognize as broken.
_DECODER_ERRORS = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError),
    *(struct.error, zlib.error),
)


class ImageError(ValueError):
    """An image cannot be used; the message gives the reason, without the image's name."""


@dataclass(frozen=True)
class Placement:
    """Position of a source image in the input, in pixels.

    Attributes:
        height: Height to which the whole source image is resized.
        width: Width to which the whole source image is resized.
        top: First row of the resized image that the input shows; 0 unless cropped.
        left: First column of the resized image that the input shows; 0 unless cropped.
    """

    height: int
    width: int
    top: int = 0
    left: int = 0


def open_image(path: Path) -> Image.Image:
    """Read and decode an image file.

    Raises:
        ImageError: It cannot be read, or :func:`decode_image` rejects it.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ImageError(_reason(error)) from error
    return decode_image(data)


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Decode the bytes of an image file; only the first picture if there are several.

    Args:
        data: Content of the file.
        max_pixels: Largest image that is decoded; nothing is allocated for larger ones.

    Raises:
        ImageError: It is not an image of a known format, truncated, broken or too large.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ImageError(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB")
    with _decoder_errors():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > max_pixels:
        raise ImageError(f"{image.width}x{image.height} pixels are more than {max_pixels >> 20} Mi")
    with _decoder_errors():
        image.load()
    return image


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return height and width of an image after its EXIF orientation is applied, without decoding it.

    >>> upright_size(Image.new("RGB", (640, 480)))
    (480, 640)
    """
    turned = _orientation(image) in _TRANSPOSING
    return (image.width, image.height) if turned else (image.height, image.width)


def geometry(image: Image.Image, contract: Contract) -> npt.NDArray[np.uint8]:
    """Convert an image to the size and the colour order of a network's input.

    Args:
        image: Decoded image of any mode, as :func:`open_image` returns it.
        contract: The preprocessing contract.

    Returns:
        uint8 ``[H, W, C]``, not normalized.

    Raises:
        ImageError: Its mode has no defined conversion, or its aspect ratio is too extreme to be resized.

    >>> from edgecnn.ondevice.contract import Contract
    >>> geometry(Image.new("RGB", (640, 480)), Contract(height=224, width=224)).shape
    (224, 224, 3)
    """
    image = _convert(upright(image), contract.color)
    where = place(image.height, image.width, contract)
    if where.height * where.width > MAX_PIXELS:
        raise ImageError(f"{image.width}x{image.height} pixels is too narrow for {contract.resize}")
    rows, columns = min(where.height, contract.height), min(where.width, contract.width)
    window = (where.top, where.left, rows, columns)
    resized = resize_image(image, where.height, where.width, contract.interpolation, window)
    pixels = np.asarray(resized).reshape(rows, columns, contract.channels)
    if contract.color == "bgr":
        pixels = pixels[..., ::-1]
    if (rows, columns) == (contract.height, contract.width):
        return np.ascontiguousarray(pixels)
    padded = np.full((contract.height, contract.width, contract.channels), contract.pad_value, np.uint8)
    padded[:rows, :columns] = pixels
    return padded


def place(height: int, width: int, contract: Contract) -> Placement:
    """Compute, in integers, the resizing and cropping of a source image of ``height`` x ``width`` pixels.

    >>> from edgecnn.ondevice.contract import Contract
    >>> place(1080, 1920, Contract(height=224, width=224))
    Placement(height=256, width=455, top=16, left=116)
    >>> place(1080, 1920, Contract(height=416, width=416, resize="letterbox"))
    Placement(height=234, width=416, top=0, left=0)
    """
    if contract.resize == "squash":
        return Placement(contract.height, contract.width)
    if contract.resize == "letterbox":
        if contract.height * width <= contract.width * height:
            return Placement(contract.height, max(1, contract.height * width // height))
        return Placement(max(1, contract.width * height // width), contract.width)
    target_height = int(contract.height / contract.crop_fraction)
    target_width = int(contract.width / contract.crop_fraction)
    if target_height * width >= target_width * height:
        target_width = target_height * width // height
    else:
        target_height = target_width * height // width
    # Halves are rounded to even, as in torchvision's CenterCrop.
    top = round((target_height - contract.height) / 2)
    left = round((target_width - contract.width) / 2)
    return Placement(target_height, target_width, top, left)


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation."""
    method = _UPRIGHT.get(_orientation(image))
    return image if method is None else image.transpose(method)


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation; 1 (upright) if there is none or it is unreadable."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _convert(image: Image.Image, color: Color) -> Image.Image:
    """Convert an image of any mode to RGB, or to the luma of ITU-R BT.601 for ``gray``."""
    if image.mode == "F":
        raise ImageError("floating-point pixels have no defined range")
    transparent = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    if image.mode.startswith("I"):
        if transparent:
            raise ImageError("16-bit pixels with a transparent colour have no defined conversion")
        image = _high_byte(image)
    elif transparent:
        image = _on_white(image)
    target = "L" if color == "gray" else "RGB"
    if image.mode == target:
        return image
    if image.mode not in {"L", "RGB"}:
        try:
            image = image.convert("RGB")
        except ValueError:
            raise ImageError(f"pixels of mode {image.mode} cannot be converted to RGB") from None
    return image if image.mode == target else image.convert(target)


def _on_white(image: Image.Image) -> Image.Image:
    """Lay an image with transparency on white; Pillow's paste rounds the weighted mean to the nearest."""
    source = image.convert("RGBA")
    opaque = Image.new("RGB", source.size, (255, 255, 255))
    opaque.paste(source.convert("RGB"), mask=source.getchannel("A"))
    return opaque


def _high_byte(image: Image.Image) -> Image.Image:
    """Reduce 16-bit grayscale (modes ``I;16*`` and ``I``) to 8 bits."""
    values = np.asarray(image)
    if values.size and (values.min() < 0 or values.max() > 0xFFFF):
        raise ImageError("integer pixels are not within 16 bits")
    return Image.fromarray((values >> 8).astype(np.uint8))


@contextlib.contextmanager
def _decoder_errors() -> Iterator[None]:
    """Convert any error of a decoder on a broken file into an :class:`ImageError`."""
    try:
        yield
    except Image.DecompressionBombError:
        raise ImageError(f"it has more than {MAX_PIXELS >> 20} Mi pixels") from None
    except UnidentifiedImageError:
        raise ImageError(f"it is not a {', '.join(FORMATS)} file") from None
    except _DECODER_ERRORS as error:
        raise ImageError(_reason(error)) from error


def _reason(error: BaseException) -> str:
    """Return the reason of a decoder's failure in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
