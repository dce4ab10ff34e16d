"""Keep freed memory: without it, a third of a small network's training step goes to page faults."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 1 << 30
# Where glibc's own adjustment of the two thresholds ends on 64 bits; see mallopt(3).
_USUAL_MMAP_BYTES, _USUAL_TRIM_BYTES = 32 << 20, 64 << 20


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """Let the C library reuse the memory of freed activations instead of giving it back each time.

    By default glibc maps large blocks afresh, and the kernel clears every page of them at first touch, in
    every training step. Measured on a MobileNetV2 for 28 px: 1.3 to 1.6 times the images a second. It
    holds for the whole process; at the end of the block the memory goes back.

    Yields:
        Whether this platform's C library has the setting.
    """
    library = ctypes.CDLL(ctypes.util.find_library("c"))
    if not hasattr(library, "mallopt"):
        yield False
        return
    kept = library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES) and library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
    try:
        yield bool(kept)
    finally:
        library.mallopt(_M_MMAP_THRESHOLD, _USUAL_MMAP_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _USUAL_TRIM_BYTES)
        library.malloc_trim(0)
