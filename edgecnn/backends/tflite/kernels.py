"""What the int8 kernels that execute TFLite files do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:  # noqa: ARG001 (every backend is asked the same question)
    """Return what the kernels do: the same on every instruction set, because none of them saturates.

    Args:
        isa: The instruction set; None asks for what is right on every one.
    """
    return Kernels("symmetric")
