"""Compare two runs or artifacts: values, operations and layers that changed."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.backends.formats import format_of
from edgecnn.core import process
from edgecnn.core.documents.document import Document
from edgecnn.core.errors import InputError
from edgecnn.ui.api.artifacts import open_artifacts

if TYPE_CHECKING:
    from edgecnn.core.store.manifest import Artifact

_VALUES = ("size", "accuracy", "accuracy_drop", "class_floor", "memory", "float_ops", "transposes")
_NPU_VALUES = ("npu_coverage", "cpu_ops", "subgraphs", "cycles", "sram", "flash", "arena")


class RunChange(Document):
    """One thing that differs.

    Attributes:
        target: The target.
        kind: ``value``, ``operation``, ``layer`` or ``target``.
        name: Its name.
        before: What it was in the first; None where it was not there.
        after: What it is in the second.
    """

    target: str
    kind: str
    name: str
    before: str | float | None
    after: str | float | None


class CompareResult(Document):
    """All that differs between two runs.

    Attributes:
        first: Directory of the first.
        second: Directory of the second.
        changes: Everything that differs, target by target.
    """

    first: str
    second: str
    changes: tuple[RunChange, ...]


def compare(first: Path | str, second: Path | str) -> CompareResult:
    """Say what changed from one run or artifact to another.

    Operations are read back from the files; layers are the operations with weights, in their order, with the
    bytes and shape of those. Nothing is executed: :func:`edgecnn.bench` compares the latencies.

    Args:
        first: Directory of a run or an artifact.
        second: Directory of another.

    Raises:
        InputError: One of them is neither, was changed since it was verified, or both have no target in
            common.
    """
    before, after = open_artifacts(first), open_artifacts(second)
    pairs = _pairs(before, after)
    if not pairs:
        raise InputError(
            f"{first} and {second} have no target in common: {', '.join(before)} and {', '.join(after)}"
        )
    changes: list[RunChange] = []
    if len(before) > 1 or len(after) > 1:
        changes += [
            RunChange(target=name, kind="target", name=name, before="there", after=None)
            for name in before.keys() - after.keys()
        ]
        changes += [
            RunChange(target=name, kind="target", name=name, before=None, after="there")
            for name in after.keys() - before.keys()
        ]
    for name, (old, new) in pairs.items():
        changes += _changes(name, old, new)
    return CompareResult(first=str(first), second=str(second), changes=tuple(changes))


def _pairs(before: dict[str, Artifact], after: dict[str, Artifact]) -> dict[str, tuple[Artifact, Artifact]]:
    """Return what is compared with what; two single artifacts of one format need not be of one target."""
    common = {name: (before[name], after[name]) for name in before if name in after}
    if common or len(before) > 1 or len(after) > 1:
        return common
    ((name, old),), (new,) = before.items(), after.values()
    same = old.manifest.target.format == new.manifest.target.format
    return {f"{name} to {new.manifest.target.name}": (old, new)} if same else {}


def _changes(name: str, old: Artifact, new: Artifact) -> list[RunChange]:
    one, other = old.manifest.measured, new.manifest.measured
    changes = [
        RunChange(target=name, kind="value", name=key, before=one.value(key), after=other.value(key))
        for key in (*_VALUES, *_NPU_VALUES)
        if one.value(key) != other.value(key)
    ]
    if old.manifest.files == new.manifest.files:
        return changes
    operations = [artifact.manifest.inspection.ops for artifact in (old, new)]
    changes += [
        RunChange(
            target=name,
            kind="operation",
            name=key,
            before=operations[0].get(key, 0),
            after=operations[1].get(key, 0),
        )
        for key in sorted(operations[0].keys() | operations[1].keys())
        if operations[0].get(key) != operations[1].get(key)
    ]
    return changes + _layer_changes(name, _layers(old), _layers(new))


def _layers(artifact: Artifact) -> dict[str, dict[str, Any]]:
    """Return the layers of a file by name, in their order; names that stand twice are numbered."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-compare-") as folder:
        found = process.call(
            "edgecnn.backends.entry:weights",
            {"format": format_of(artifact.model), "model": str(artifact.model)},
            log=Path(folder) / "layers.log",
            timeout_s=300.0,
        ).value
    seen: Counter[str] = Counter()
    layers = {}
    for layer in found:
        seen[layer["name"]] += 1
        number = seen[layer["name"]]
        layers[layer["name"] if number == 1 else f"{layer['name']} ({number})"] = layer
    return layers


def _layer_changes(
    name: str, before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]
) -> list[RunChange]:
    """Return the layers whose weights have another size, shape or type."""
    return [
        RunChange(
            target=name, kind="layer", name=key, before=_text(before.get(key)), after=_text(after.get(key))
        )
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _text(layer: dict[str, Any] | None) -> str | None:
    if layer is None:
        return None
    return f"{layer['type']} {json.dumps(layer['shape'])}, {layer['bytes']} bytes"
