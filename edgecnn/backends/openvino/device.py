"""The one OpenVINO core of a process."""

from __future__ import annotations

import functools

import openvino


@functools.cache
def core() -> openvino.Core:
    """Return the core that reads and compiles every model of this process; it lives as long as the process.

    Every core that compiles for the CPU gives the thread a stack for signal handlers and takes it away when
    the core ends. Where two cores end in the order of their making, the thread is left with the stack of the
    first, whose memory is gone, and the next signal that Python handles, such as that of Ctrl-C, ends the
    process with a segmentation fault (OpenVINO 2026.4).
    """
    return openvino.Core()
