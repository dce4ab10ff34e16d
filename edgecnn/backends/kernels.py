"""Look-up of the integer kernels that execute a target's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends import registry
from edgecnn.backends.worker.isa import isa_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.backends.worker.isa import Isa
    from edgecnn.quantization.kernels import Kernels

ANY_ISA = "any"
"""Name for every instruction set; a file for it is correct on all of them."""


def kernels_of(format_name: str, isa: str) -> Kernels:
    """Return the properties of a format's int8 kernels on an instruction set.

    Args:
        format_name: Name of the format.
        isa: Name of an instruction set, or ``any``.

    Raises:
        UsageError: There is no such format or instruction set.

    >>> kernels_of("onnx", "any").weights, kernels_of("onnx", "arm64").weights
    ('pairs-hwc', 'symmetric')
    """
    record = registry.find_format(format_name)
    make: Callable[[Isa | None], Kernels] = registry.load(record.kernels, record.origin)
    return make(None if isa == ANY_ISA else isa_named(isa))
