"""Properties of the int8 kernels that execute TFLite files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:  # noqa: ARG001 (every backend is asked the same question)
    """Return the properties of the kernels, which are the same everywhere because none saturates.

    Args:
        isa: The instruction set; None means every one.
    """
    return Kernels("symmetric")
