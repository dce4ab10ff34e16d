"""The layer behind an error of TFLite's converter that names no operator of the network.

The passes behind the converter's graph are MLIR, whose errors begin with a place, ``FILE:LINE:0: error:``.
It is the last line of Python that computed the value, which for most layers lies inside torch. The network is
therefore converted once more, with the name of each node's layer as the place of its operations.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from litert_torch.backend import debuginfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import fx

_PLACE = re.compile(r"layer <(?P<layer>[^>|]*)\|(?P<operator>[^>|]*)>:\d+:\d+: error: ")
_WRAPPER = "wrapped"
"""Name of the user's network inside litert_torch's channels-last wrapper."""


def culprit(convert: Callable[[], object]) -> tuple[str, str, str] | None:
    """Convert once more and find out which layer the converter cannot express.

    Args:
        convert: The conversion that has failed.

    Returns:
        The layer's name in the network, empty for the network's own ``forward``; the operation that is called
        there, such as ``conv_transpose2d``; and the reason. None if the converter's error names no place.
    """
    with _layers_as_places():
        try:
            convert()
        except Exception as error:  # noqa: BLE001  the first error is what counts; this one is only read
            return read_place(str(error))
    return None


def read_place(message: str) -> tuple[str, str, str] | None:
    """Return layer, operator and reason of an error that was raised with layers as places.

    >>> read_place("Failed: layer <body.3|conv_transpose2d_1>:0:0: error: failed to legalize operation")
    ('body.3', 'conv_transpose2d', 'failed to legalize operation')
    """
    found = _PLACE.search(message)
    if found is None:
        return None
    operator = re.sub(r"_\d+$", "", found["operator"])
    reason = message[found.end() :].strip().partition("\n")[0].partition(": %")[0]
    return found["layer"], operator, reason


@contextlib.contextmanager
def _layers_as_places() -> Iterator[None]:
    """Let litert_torch give the layer and the operator of a node as the place of its MLIR operations."""
    usual = debuginfo.build_mlir_file_debuginfo

    def place(node: fx.Node) -> tuple[str, int]:
        stack = node.meta.get("nn_module_stack") or {}
        path = next(reversed(stack.values()))[0] if stack else ""
        layer = path.removeprefix(_WRAPPER).removeprefix(".")
        name = debuginfo.build_nodename_debuginfo(node) or node.name
        return f"layer <{layer}|{name}>", 0

    debuginfo.build_mlir_file_debuginfo = place
    try:
        yield
    finally:
        debuginfo.build_mlir_file_debuginfo = usual
