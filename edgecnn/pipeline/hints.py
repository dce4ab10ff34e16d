"""What a user can do about a missed budget, by its metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_compiler
from edgecnn.core.documents.metric import find_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgecnn.core.documents.budget import BudgetResult
    from edgecnn.core.documents.manifest import Manifest

_MOST_NAMES = 3

_SMALLER = "use a smaller width or input, or prune the network"
_BY_METRIC = {
    "unpruned_drop": "prune less, or train longer after pruning",
    "latency": f"set the target's isa and threads for the device, or {_SMALLER}",
    "latency_ratio": f"set the target's isa and threads for this machine, or {_SMALLER}",
    "size": _SMALLER,
    "instructions": _SMALLER,
    "memory": _SMALLER,
    "arena": f"{_SMALLER}: the largest feature maps decide",
}
_FLOAT = frozenset({"float_ops", "integer_macs"})
_INTEGER_INSTEAD = (
    "use operations with integer kernels in their place, or a rung that leaves no layer in float"
)
_NO_TRANSPOSES = "pool maps to 1x1 before they are flattened, and keep the dimensions of a mean"
_BETTER = (
    "`edgecnn diagnose` on the file names the layers that lose most; quantize.method `auto` with a section "
    "`qat` climbs the ladder further, or train longer"
)
_NPU = frozenset({"npu_coverage", "cpu_ops", "subgraphs", "cycles", "sram", "flash"})


def hint_of(missed: Sequence[BudgetResult], float_missed: Sequence[BudgetResult], manifest: Manifest) -> str:
    """Return what to do about missed budgets, in one line without repetitions.

    Args:
        missed: The missed budgets.
        float_missed: The budgets that fp32 PyTorch misses as well.
        manifest: Manifest of the rejected artifact.
    """
    hopeless = {result.name for result in float_missed}
    hints = dict.fromkeys(_TRAIN if result.name in hopeless else _hint(result, manifest) for result in missed)
    return "; ".join([*hints, "the file is kept under 'rejected'"])


_TRAIN = "no quantization reaches more than the float network: train it longer, or lower the budget"


def _hint(result: BudgetResult, manifest: Manifest) -> str:
    name, seen = result.name, manifest.inspection
    if result.measured is None:
        return f"{result.title} needs what measures it: {_measured_by(name)}"
    if name in _NPU:
        return _npu_hint(manifest)
    if name in _FLOAT:
        return f"in float are {_named(seen.float_op_names)}: {_INTEGER_INSTEAD}"
    if name == "transposes":
        return f"layouts change at {_named(seen.transpose_names)}: {_NO_TRANSPOSES}"
    if name == "size" and manifest.target.precision != "int8":
        return f"{_SMALLER}, or make an int8 target"
    return _BY_METRIC.get(name, _BETTER if find_metric(name).unit == "share" else "change the network")


def _measured_by(name: str) -> str:
    """Return what a pipeline lacks if a metric was not measured."""
    if name in ("latency", "latency_ratio", "memory"):
        return "a section `benchmark`"
    if name in _NPU:
        return "a target with an NPU"
    return "labelled images in data.eval" if find_metric(name).unit == "share" else "another target"


def _npu_hint(manifest: Manifest) -> str:
    target = manifest.target
    if target.compile is None or not find_compiler(target.compile.compiler).nominal:
        return "`edgecnn inspect` names the operations that the NPU leaves to the CPU"
    return f"`edgecnn advise {manifest.source.builder} --target {target.name}` names changes to the network"


def _named(names: Sequence[str]) -> str:
    """Return the first names, and how many there are besides."""
    more = len(names) - _MOST_NAMES
    listed = ", ".join(names[:_MOST_NAMES]) or "layers without a name"
    return f"{listed} and {more} more" if more > 0 else listed
