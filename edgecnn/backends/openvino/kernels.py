"""What the int8 kernels of OpenVINO's CPU plugin do on an instruction set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import EVERY_ACTIVATION, Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:
    """Return what the kernels do.

    On every instruction set they compute any activation behind a layer in float, and NNCF gives a tensor that
    depthwise layers alone read a range for each channel. On x86 without VNNI they multiply and add in pairs
    along the channels, at each place of the kernel by itself.

    Args:
        isa: The instruction set; None asks for what is right on every one.
    """
    return Kernels(
        "pairs-c" if isa is None or isa.int8_saturates else "symmetric",
        fused=EVERY_ACTIVATION,
        channel_grids=True,
    )
