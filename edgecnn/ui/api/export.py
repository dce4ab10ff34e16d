"""Export one network for one target: a pipeline of one target, without training."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.config.paths import home
from edgecnn.core.config.yaml_source import YamlSource, override
from edgecnn.models.registry import find_source
from edgecnn.pipeline.loading import from_source
from edgecnn.pipeline.make_targets import Places, make_targets
from edgecnn.pipeline.runner import Reporter, SilentReporter

if TYPE_CHECKING:
    from edgecnn.pipeline.publish import TargetResult

OUT = Path("artifacts")


def export(
    model: str,
    target: str,
    *,
    calibration: str | None = None,
    data: str | None = None,
    weights: str | None = None,
    images: int | None = None,
    outputs: tuple[str, ...] = (),
    overrides: tuple[str, ...] = (),
    out: Path | None = None,
    reporter: Reporter | None = None,
) -> TargetResult:
    """Export a network and prove the file in its runtime.

    Args:
        model: ``zoo:``, ``timm:``, ``torchvision:`` or ``python:`` name, a checkpoint or an ONNX file.
        target: Name of a target, or path of its YAML file.
        calibration: Real images for int8 ranges and for verification: CSV file or folder.
        data: Labelled images for link 4, the task metric: CSV file or folder.
        weights: A file of weights in place of the published ones.
        images: How many calibration images are used; all of them, up to 512, when not given.
        outputs: Tensors of an ONNX file that the network is cut at, where its decode part is not recognized.
        overrides: Dotted overrides of the pipeline that this makes, such as ``targets.T.threads=2``.
        out: Directory of the artifact; ``artifacts/NAME-TARGET`` when not given.
        reporter: Receives what happens.

    Returns:
        What became of the target. One that does not ship is a result, not an exception; its file is kept
        beside ``out``, with ``.rejected`` at the end of its name.

    Raises:
        EdgecnnError: The export cannot be started at all; later failures are in the result.
    """
    name = run_name(model)
    document = _document(name, model, target, calibration, data, weights, images)
    if outputs:
        document["model"]["arguments"] = {"outputs": list(outputs)}
    source = YamlSource(document, {}, "command line")
    for assignment in overrides:
        source = override(source, assignment)
    pipeline = from_source(source)
    artifact = out or OUT / f"{name}-{run_name(target)}"
    places = Places(
        logs=home() / "logs" / name,
        artifacts=dict.fromkeys(pipeline.targets, artifact),
        rejected=dict.fromkeys(pipeline.targets, artifact.with_name(f"{artifact.name}.rejected")),
    )
    targets, _ = make_targets(pipeline, places, reporter or SilentReporter())
    return targets[0]


def _document(
    name: str,
    model: str,
    target: str,
    calibration: str | None,
    data: str | None,
    weights: str | None,
    images: int | None,
) -> dict[str, Any]:
    return {
        "name": name,
        "model": {
            "name": model,
            "pretrained": weights is None and find_source(model).publishes_weights,
            "weights": weights,
        },
        "data": {"eval": data, "calibration": {"source": calibration, "count": images or 512}},
        "targets": {target: {}},
    }


def run_name(model: str) -> str:
    """Return a plain name for what is made of a model.

    >>> run_name("zoo:efficientnet-lite0")
    'efficientnet-lite0'
    >>> run_name("python:my.nets:small")
    'my.nets-small'
    >>> run_name("models/yolox_nano.onnx")
    'yolox_nano'
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", find_source(model).run_name(model)).strip(".-") or "model"
