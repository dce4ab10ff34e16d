"""Pictures of a Raspberry Pi's camera, through picamera2 if it is installed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from edgecnn.ondevice.failure import RuntimeUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import Image

SIZE = (1280, 720)


def pictures() -> Iterator[Image.Image]:
    """Yield one picture after another until the caller stops.

    Raises:
        RuntimeUnavailable: picamera2 or the camera is missing.
    """
    try:
        library = importlib.import_module("picamera2")
    except ImportError as error:
        raise RuntimeUnavailable(
            f"no camera: picamera2 cannot be imported ({error}); sudo apt install python3-picamera2, and let "
            "the virtual environment see it: python3 -m venv --system-site-packages"
        ) from error
    try:
        camera = library.Picamera2()
    except (RuntimeError, IndexError) as error:
        raise RuntimeUnavailable(f"no camera was found: {error}") from error
    with camera:
        camera.configure(camera.create_still_configuration(main={"size": SIZE}))
        camera.start()
        while True:
            yield camera.capture_image("main").convert("RGB")
