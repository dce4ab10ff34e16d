"""Keep freed memory: without it, half of a training step of a small network goes to page faults."""

from __future__ import annotations

import ctypes
import ctypes.util

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST_KEPT_BYTES = 1 << 30


def keep_freed_memory() -> bool:
    """Let the C library reuse the memory of freed activations instead of giving it back each time.

    By default glibc maps large blocks afresh, and the kernel clears every page of them at first touch, in
    every training step. Measured on a MobileNetV2 for 28 px on two cores: 1.3 to 1.6 times the images
    a second. It holds for the whole process.

    Returns:
        Whether this platform's C library has the setting.
    """
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    if not hasattr(library, "mallopt"):
        return False
    thresholds = (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD)
    return all(library.mallopt(option, _LARGEST_KEPT_BYTES) == 1 for option in thresholds)
