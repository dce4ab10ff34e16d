"""Comparison of the artifacts of two runs: changed values, operations and layers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edgecnn.backends.entry import FormatFile
from edgecnn.backends.format import StoredWeight
from edgecnn.backends.formats import companions, format_of
from edgecnn.core import process
from edgecnn.core.documents.compare import RunChange
from edgecnn.core.errors import InputError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.store.runs import open_artifacts
from edgecnn.pipeline.compare_inputs import changed_inputs, changed_training

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.store.manifest import Artifact

_VALUES = (
    *("size", "accuracy", "accuracy_drop", "class_floor", "memory", "float_ops", "transposes"),
    *("npu_coverage", "cpu_ops", "subgraphs", "cycles", "sram", "flash", "arena"),
)


def compare_runs(first: Path, second: Path) -> list[RunChange]:
    """Return all differences between two runs or artifacts: inputs first, then results, target by target.

    Args:
        first: Directory of a run or an artifact.
        second: Directory of another.

    Raises:
        InputError: One of them is neither, a file was changed, or they have no target in common.
    """
    trained = [
        _change("all", "input", name, values) for name, values in changed_training(first, second).items()
    ]
    changes = trained + compare_artifacts(open_artifacts(first), open_artifacts(second))
    return sorted(changes, key=lambda change: change.kind != "input")


def compare_artifacts(before: dict[str, Artifact], after: dict[str, Artifact]) -> list[RunChange]:
    """Return all differences between two runs, target by target.

    Args:
        before: The artifacts of the first run by target.
        after: The artifacts of the second run.

    Raises:
        InputError: They have no target in common.
    """
    pairs = _pairs(before, after)
    if not pairs:
        raise InputError(f"the two have no target in common: {', '.join(before)} and {', '.join(after)}")
    changes: list[RunChange] = []
    if len(before) > 1 or len(after) > 1:
        for name in before.keys() ^ after.keys():
            there = ("there", None) if name in before else (None, "there")
            changes.append(_change(name, "target", name, there))
    for name, (old, new) in pairs.items():
        changes += _changes(name, old, new)
    return changes


def _change(
    target: str, kind: str, name: str, values: tuple[str | float | None, str | float | None]
) -> RunChange:
    return RunChange(target=target, kind=kind, name=name, before=values[0], after=values[1])


def _pairs(before: dict[str, Artifact], after: dict[str, Artifact]) -> dict[str, tuple[Artifact, Artifact]]:
    """Return the pairs to compare; two single artifacts of one format may have different targets."""
    common = {name: (before[name], after[name]) for name in before if name in after}
    if common or len(before) > 1 or len(after) > 1:
        return common
    ((name, old),), (new,) = before.items(), after.values()
    same = old.manifest.target.format == new.manifest.target.format
    return {f"{name} to {new.manifest.target.name}": (old, new)} if same else {}


def _changes(name: str, old: Artifact, new: Artifact) -> list[RunChange]:
    one, other = old.manifest.measured, new.manifest.measured
    changes = [
        _change(name, "input", key, values)
        for key, values in changed_inputs(old.manifest, new.manifest).items()
    ]
    changes += [
        _change(name, "value", key, (one.value(key), other.value(key)))
        for key in _VALUES
        if one.value(key) != other.value(key)
    ]
    if old.manifest.files == new.manifest.files:
        return changes
    first, second = old.manifest.inspection.ops, new.manifest.inspection.ops
    changes += [
        _change(name, "operation", key, (first.get(key, 0), second.get(key, 0)))
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    ]
    before, after = _layers(old), _layers(new)
    changes += [
        _change(name, "layer", key, (_text(before.get(key)), _text(after.get(key))))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]
    return changes


def _layers(artifact: Artifact) -> dict[str, StoredWeight]:
    """Return the layers of a file by name, in order; repeated names are numbered."""
    with temporary_folder("compare") as folder:
        model = artifact.copy(folder / "artifact").model
        found = process.call(
            "edgecnn.backends.entry:weights",
            FormatFile(format_of(model), model),
            log=folder / "layers.log",
            timeout_s=300.0,
            memory_bytes=process.memory_for(model, *companions(model)),
        ).read(list[StoredWeight])
    seen: Counter[str] = Counter()
    layers: dict[str, StoredWeight] = {}
    for layer in found:
        seen[layer.name] += 1
        number = seen[layer.name]
        layers[layer.name if number == 1 else f"{layer.name} ({number})"] = layer
    return layers


def _text(layer: StoredWeight | None) -> str | None:
    if layer is None:
        return None
    return f"{layer.type} {list(layer.shape)}, {layer.bytes} bytes"
