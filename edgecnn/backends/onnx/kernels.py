"""What ONNX Runtime's int8 kernels do on an instruction set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:
    """Return what the kernels do.

    On x86 without VNNI they multiply and add in pairs along height, width and channel as one, because
    activations are NHWC inside the runtime.

    Args:
        isa: The instruction set; None asks for what is right on every one.
    """
    return Kernels("pairs-hwc" if isa is None or isa.int8_saturates else "symmetric")
