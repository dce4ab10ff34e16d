from __future__ import annotations

import platform

import pytest

from edgecnn.training.allocator import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_glibc_takes_the_setting() -> None:
    assert keep_freed_memory()
