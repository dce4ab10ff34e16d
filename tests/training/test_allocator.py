from __future__ import annotations

import platform

import pytest

from edgecnn.training.allocator import freed_memory_kept


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_glibc_takes_the_setting() -> None:
    with freed_memory_kept() as kept:
        assert kept
