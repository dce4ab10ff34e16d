"""The inputs of two artifacts that differ: network, preprocessing, target, calibration, packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.documents.run import RunSummary
from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.core.store.baseline import calibration_of, classes_digest
from edgecnn.core.store.runs import SUMMARY, read_summary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.core.documents.manifest import Manifest

InputValue = str | float | None

# Measured while quantizing, so results and no inputs; the calibration set is listed by itself.
_RESULTS = frozenset({"calibration", "on_calibration_images", "tools"})
_SHOWN = 12


def changed_inputs(old: Manifest, new: Manifest) -> dict[str, tuple[InputValue, InputValue]]:
    """Return the inputs that differ between two artifacts, before and after, by their name.

    Args:
        old: Manifest of the first.
        new: Manifest of the second.
    """
    return _differences(_inputs(old), _inputs(new))


def changed_training(before: Path, after: Path) -> dict[str, tuple[InputValue, InputValue]]:
    """Return what differs in the training of two runs, by its name; empty for artifacts alone.

    Args:
        before: Directory of the first run.
        after: Directory of the second.
    """
    return _differences(_training(before), _training(after))


def _differences(
    old: Mapping[str, InputValue], new: Mapping[str, InputValue]
) -> dict[str, tuple[InputValue, InputValue]]:
    return {
        name: (old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    }


def _inputs(manifest: Manifest) -> dict[str, InputValue]:
    calibration, source = calibration_of(manifest), manifest.source
    found: dict[str, InputValue] = {"pipeline": manifest.name}
    if calibration is not None:
        found |= {
            "calibration images": calibration.images,
            "calibration set": calibration.digest[:_SHOWN],
        }
    if manifest.answers is not None:
        found |= {
            "evaluation images": manifest.answers.images,
            "evaluation set": manifest.answers.digest[:_SHOWN],
        }
    found |= {
        "network": source.builder,
        "weights": source.weights,
        "checkpoint": None if source.checkpoint is None else source.checkpoint[:_SHOWN],
        "task": manifest.task.kind,
        "classes": f"{len(manifest.classes)} ({classes_digest(manifest)[:_SHOWN]})",
    }
    target = manifest.target.model_dump(mode="json", exclude={"name", "description", "extends"})
    quantization = {key: value for key, value in manifest.quantization.items() if key not in _RESULTS}
    ranges = quantization.get("ranges")
    if isinstance(ranges, dict):
        quantization["ranges"] = {key: value for key, value in ranges.items() if key != "held_out_sqnr_db"}
    widths = {name: width.to_json() for name, width in source.widths.items()}
    for kind, data in (
        ("network", dict(source.arguments)),
        ("width", widths),
        ("preprocessing", dict(manifest.contract)),
        ("target", target),
        ("quantization", quantization),
        ("package", dict(manifest.tools)),
    ):
        found |= _flat(kind, data)
    if manifest.host is not None:
        found |= {"machine": manifest.host.cpu, "machine instruction set": manifest.host.isa}
    return found


def _flat(name: str, data: Any) -> dict[str, InputValue]:
    """Return the leaves of plain data as text or numbers, by a name of words."""
    if isinstance(data, dict):
        found: dict[str, InputValue] = {}
        for key, value in data.items():
            found |= _flat(f"{name} {key}", value)
        return found
    if data is None or isinstance(data, str):
        return {name: data}
    return {name: data if isinstance(data, int | float) and not isinstance(data, bool) else str(data)}


def _training(directory: Path) -> dict[str, InputValue]:
    file = directory / SUMMARY
    if not is_file(file):
        return {}
    try:
        summary = RunSummary.from_json(read_summary(file), str(file))
    except InputError:
        return {}  # the artifacts are compared without it
    if summary.training is None:
        return {"edgecnn": summary.edgecnn}
    history = summary.training.history
    return {
        "epochs": len(history),
        "last learning rate": history[-1].lr if history else None,
        "first learning rate": history[0].lr if history else None,
        "edgecnn": summary.edgecnn,
    }
