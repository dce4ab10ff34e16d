"""Limits on the tensors and the work of an imported network, checked before anything is executed.

A file of some hundred bytes can ask for terabytes: by a Resize, a Pad or an Expand, or by a convolution with
wide padding. Sizes are taken from ONNX's shape inference for a file, and from torch's ``meta`` device, where
tensors have shapes and no values, for a network: its graph may also come from a ``spec.json``.
"""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import onnx_ir as ir
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from edgecnn.core.errors import InputError
from edgecnn.models.imported.onnx_graph import name_of, shape_of
from edgecnn.models.imported.work import Work

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.models.imported.network import ImportedNetwork

MOST_TENSOR_BYTES = 1 << 30
"""Largest tensor for one image; the maps of detectors for images of 1280 x 1280 have 0.1 GiB."""

MOST_BYTES = 1 << 32
"""Most bytes of all tensors for one image; they live until the end of an inference."""

_GIB = 1 << 30
_WITHOUT_SIZE = (None, ir.DataType.UNDEFINED, ir.DataType.STRING)
_SHOWN = 80
_HINT = "export the network for smaller images, or cut it before the operation with --outputs"


def check_file_memory(model: ir.Model, file: Path) -> None:
    """Check the inferred sizes of all tensors that a file computes for one image, and its work.

    Args:
        model: The linked model with its shapes; tensors of unknown shape are passed over.
        file: Its name in messages.

    Raises:
        InputError: A tensor, or all together, or the multiply-accumulates exceed the limit; the message names
            the operation.
    """
    total, work = 0, Work()
    for node in model.graph.all_nodes():
        work.add_node(
            node, f"{file}: {node.op_type} {name_of(node.outputs[0]) if node.outputs else node.name}"
        )
        for value in node.outputs:
            shape = shape_of(value)
            if value.dtype in _WITHOUT_SIZE or any(size < 0 for size in shape):
                continue
            size = math.ceil(math.prod(shape) * value.dtype.itemsize)
            total += size
            _check(size, total, f"{file}: {node.op_type} {name_of(value)[:_SHOWN]}")


def check_network_memory(module: ImportedNetwork, channels: int, height: int, width: int) -> None:
    """Check tensors and work of a network for one image ``[1, channels, height, width]``.

    The check ends at the first operation that does not take its inputs, where an inference ends too.

    Raises:
        InputError: A tensor, or all together, or the multiply-accumulates exceed the limit; the message names
            the operation.
    """
    values = {id(value): nn.Parameter(value.to("meta"), requires_grad=False) for value in module.parameters()}
    buffers = {id(value): value.to("meta") for value in module.buffers()}
    without_values = copy.deepcopy(module, {**values, **buffers})
    image = torch.empty(1, channels, height, width, device="meta")
    sizes = _Sizes()
    with torch.no_grad(), sizes:
        steps = without_values.steps(image)
        for node in module.graph.nodes:
            sizes.operation = f"{node.operator} {node.name}"
            try:
                next(steps)
            except NotImplementedError as error:
                raise InputError(
                    f"the sizes of {sizes.operation[:_SHOWN]} are not known", hint=_HINT
                ) from error
            except (RuntimeError, IndexError, ValueError, TypeError):
                return


class _Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's method has no types
    """Checks every tensor that torch makes, also inside an operation, and the work of making it."""

    operation = ""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's method has no types
        self._total, self._work = 0, Work()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a function of torch and check its results; a view has no values of its own."""
        result = func(*args, **(kwargs or {}))
        if func.is_view:
            return result
        self._work.add_call(func, args, kwargs or {}, result, self.operation)
        for value in tree_leaves(result):
            if isinstance(value, Tensor):
                size = value.numel() * value.element_size()
                self._total += size
                _check(size, self._total, self.operation)
        return result


def _check(size: int, total: int, operation: str) -> None:
    if size > MOST_TENSOR_BYTES:
        raise InputError(
            f"{operation} computes a tensor of {size / _GIB:.1f} GiB for one image; "
            f"the limit is {MOST_TENSOR_BYTES // _GIB} GiB",
            hint=_HINT,
        )
    if total > MOST_BYTES:
        raise InputError(
            f"up to {operation} the tensors for one image have {total / _GIB:.1f} GiB; "
            f"the limit is {MOST_BYTES // _GIB} GiB",
            hint=_HINT,
        )
