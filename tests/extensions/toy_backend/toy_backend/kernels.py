"""Properties of the runtime's integer kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.quantization.kernels import Kernels

if TYPE_CHECKING:
    from edgecnn.backends.worker.isa import Isa


def int8_kernels(isa: Isa | None) -> Kernels:
    """Return what the kernels do: they accumulate in int32 and saturate nowhere."""
    return Kernels("symmetric")
