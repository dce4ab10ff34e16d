"""Properties of ONNX Runtime's int8 kernels on an instruction set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:
    """Return the properties of the kernels.

    On x86 without VNNI they multiply and add in pairs along height, width and channel together, because
    activations are NHWC inside the runtime.

    Args:
        isa: The instruction set; None means properties that are safe on every one.
    """
    return Kernels("pairs-hwc" if isa is None or isa.int8_saturates else "symmetric")
