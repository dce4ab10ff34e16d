"""Export of a network for a target, as a pipeline of one target without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.pipeline.export_place import Exported, default_place
from edgecnn.pipeline.loading import export_pipeline, run_name
from edgecnn.pipeline.make_targets import Places, make_targets
from edgecnn.pipeline.reporter import Reporter, SilentReporter

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.pipeline.publish import TargetResult


def export(
    model: str,
    target: str,
    *,
    calibration: str | None = None,
    data: str | None = None,
    weights: str | None = None,
    images: int | None = None,
    outputs: tuple[str, ...] = (),
    signature: str | None = None,
    family: str | None = None,
    network: str | None = None,
    overrides: tuple[str, ...] = (),
    out: Path | None = None,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> TargetResult:
    """Export a network and prove the file in its runtime.

    Args:
        model: ``zoo:``, ``timm:``, ``torchvision:`` or ``python:`` name, a checkpoint or an ONNX file.
        target: Name of a target, or path of its YAML file.
        calibration: Real images for int8 ranges and for verification: CSV file or folder.
        data: Labelled images for link 4, the task metric: CSV file or folder.
        weights: A file of weights that replaces the published ones.
        images: Number of calibration images; by default all, up to 512.
        outputs: Tensors at which to cut an ONNX file whose decode part is not recognized.
        signature: Function of a SavedModel folder that has several.
        family: Family of a detector in an ONNX file, such as ``yolov8``, for what the file does not say.
        network: ``python:package.module:factory``, your own code that builds a checkpoint's network; a
            checkpoint alone cannot have code run.
        overrides: Dotted overrides of the resulting pipeline, such as ``targets.T.threads=2``.
        out: Directory of the artifact; by default ``artifacts/NAME-TARGET``, which must not hold what was
            exported of another network, for another target or with other weights.
        jobs: Largest number of steps that run side by side; by default as many as there are processors. It
            does not change any file.
        reporter: Receives events.

    Returns:
        The result of the target. One that does not ship is a result, not an exception; its file is kept
        beside ``out``, with ``.rejected`` at the end of its name.

    Raises:
        EdgecnnError: The export cannot be started; later failures are in the result.
    """
    pipeline = export_pipeline(
        model,
        target,
        calibration=calibration,
        data=data,
        weights=weights,
        images=images,
        outputs=outputs,
        signature=signature,
        family=family,
        network=network,
        overrides=overrides,
    )
    record = None
    if out is None:
        name = f"{pipeline.spec.name}-{run_name(target)}"
        out, record = default_place(name, Exported.of(model, target, weights))
    places = Places.of_artifact(out, pipeline)
    targets, _ = make_targets(pipeline, places, reporter or SilentReporter(), jobs=jobs)
    if record is not None and targets[0].ships:
        record()
    return targets[0]
