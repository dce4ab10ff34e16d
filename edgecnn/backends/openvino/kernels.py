"""Properties of the int8 kernels of OpenVINO's CPU plugin on an instruction set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import EVERY_ACTIVATION, Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:
    """Return the properties of the kernels.

    On every instruction set they compute any activation after a layer in float, and NNCF gives a tensor that
    only depthwise layers read a range per channel. On x86 without VNNI they multiply and add in pairs along
    the channels, separately at each place of the kernel.

    Args:
        isa: The instruction set; None means properties that are safe on every one.
    """
    return Kernels(
        "pairs-c" if isa is None or isa.int8_saturates else "symmetric",
        fused=EVERY_ACTIVATION,
        channel_grids=True,
    )
