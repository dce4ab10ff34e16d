"""Why a TFLite file has no int8 form: the tensor or the operation, and what to use instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ai_edge_quantizer import qtyping, recipe
from ai_edge_quantizer.quantizer import Quantizer

from edgecnn.backends.instead import hint_for
from edgecnn.backends.tflite.flatbuffer import operator_name, read_model
from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

FAILURES = (ValueError, NotImplementedError, RuntimeError)
"""What the native quantizer's checks raise; there is no common base."""

_BOUND = "use a number in place of a constant tensor, as clamp does"
_SELECT = (
    "in place of an adaptive pool use AvgPool2d with a kernel and a stride that fit the map, and in place of "
    "torch.where multiply by a mask"
)
INSTEAD = {"MAXIMUM": _BOUND, "MINIMUM": _BOUND, "SELECT": _SELECT, "SELECT_V2": _SELECT}
"""What a user can write in place of an operation that the quantizer refuses."""

_MOST_NAMES = 3


def require_ranges(model: Path, outputs: Sequence[str], ranges: Collection[str]) -> None:
    """Refuse a file with an output that the calibration images give no range.

    Raises:
        InputError: An output is a constant, or does not hold float numbers, or is another output too.
    """
    if len(set(outputs)) < len(outputs):
        raise InputError(f"{model} returns one tensor twice", hint="return it once from forward")
    for name in outputs:
        if name not in ranges:
            raise InputError(
                f"{model} cannot be quantized: its output {name} is a constant or holds whole numbers",
                hint="leave it out of what forward returns, and compute it in the application",
            )


def quantizer_refusal(
    model: Path, ranges: dict[str, dict[str, Any]] | None, error: BaseException
) -> InputError:
    """Return the error for a file that the native quantizer refuses, with the operations that it refuses.

    Args:
        model: The float file.
        ranges: Ranges by tensor; None if only weights are stored in another type.
        error: What the quantizer has raised.
    """
    kinds = [] if ranges is None else _refused_kinds(model, ranges, str(error))
    behind = f" ({', '.join(kinds)} in {', '.join(_tensors_of(model, kinds))})" if kinds else ""
    hint = next((INSTEAD[kind] for kind in kinds if kind in INSTEAD), hint_for(str(error)))
    named = f"compute {kinds[0]} from other operations, or outside of the network" if kinds else None
    return InputError(
        f"{model} cannot be quantized: {one_line(error)}{behind}",
        hint=hint or named or "choose another target, or leave the layer out",
    )


def _refused_kinds(model: Path, ranges: dict[str, dict[str, Any]], message: str) -> list[str]:
    """Return the kinds of operations that alone make the quantizer raise the same error."""
    read = read_model(model)
    present = {operator_name(read, operator) for operator in read.subgraphs[0].operators}
    found = []
    for kind in qtyping.TFLOperationName:
        if kind.value not in present:
            continue
        only = [{**item, "operation": kind} for item in recipe.static_wi8_ai8()]
        try:
            Quantizer(str(model), only).quantize(
                ranges, enable_progress_bar=False, enable_progress_report=False
            )
        except FAILURES as error:
            if str(error) == message:
                found.append(kind.value)
    return found


def _tensors_of(model: Path, kinds: Collection[str]) -> list[str]:
    """Return the results of operations of some kinds, at most three names."""
    read = read_model(model)
    graph = read.subgraphs[0]
    found = [operator for operator in graph.operators if operator_name(read, operator) in kinds]
    names = [graph.tensors[operator.outputs[0]].name for operator in found[:_MOST_NAMES]]
    return [name.decode("utf-8", "replace") for name in names]
