"""Faces: what int8 costs YuNet in boxes, landmarks and recall, against its own float detections.

`imports.py` calls this. The file is cut at its twelve raw maps, whose names are those of yunet_n_320.onnx.
Faces are what float32 gives a score of at least 0.6; int8 must find them with the same threshold.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime

import edgecnn
from edgecnn.backends.registry import find_format
from edgecnn.core.store.manifest import Artifact
from edgecnn.data.source import open_source
from edgecnn.ondevice.input_tensor import Feed
from edgecnn.ondevice.nms import nms
from edgecnn.ondevice.preprocess import geometry
from edgecnn.ondevice.runner import open_runner
from tests.support.detectors.yolox import face_truth

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

RAW = ("297", "299", "301", "309", "311", "313", "303", "305", "307", "315", "317", "319")
SIZE_PERCENT, RECALL_POINTS = 2.0, 2.0
_CONTRACT = ("resize=letterbox", "color=bgr", "mean=[0,0,0]", "std=[1,1,1]", "pad_value=0")
_SCORE, _OVERLAP, _MOST, _SAME = 0.6, 0.3, 100, 0.5


@dataclass(frozen=True)
class Faces:
    """Faces in one photo: corners ``[n, 4]`` and five landmarks ``[n, 5, 2]``, in pixels of the input."""

    boxes: Array
    landmarks: Array


def faces_row(file: Path, folder: Path, photos: Path, target: str) -> dict[str, Any]:
    """Export the raw maps for a target and return how far its faces are from those of float32.

    Args:
        file: yunet_n_320.onnx.
        folder: Where the artifact goes.
        photos: Folder with ``calibration.json`` and ``eval.json``.
        target: Name of the target.

    Raises:
        EdgecnnError: The file cannot be exported.
    """
    result = edgecnn.export(
        str(file),
        target,
        calibration=str(photos / "calibration.json"),
        outputs=RAW,
        overrides=("benchmark=null", *(f"preprocessing.{change}" for change in _CONTRACT)),
        out=folder / f"faces-{target}",
    )
    if result.artifact is None:
        return {"note": str(result.error), "holds": False}
    pairs = compare(file, Artifact.open(result.artifact), str(photos / "eval.json"))
    found = [pair for pair in pairs if pair is not None]
    recall = 100 * len(found) / max(len(pairs), 1)
    box, landmark = np.mean(found, axis=0) if found else (np.inf, np.inf)
    return {
        "faces": len(pairs),
        "recall %": round(recall, 1),
        "box %": round(float(box), 2),
        "landmark %": round(float(landmark), 2),
        "holds": recall >= 100 - RECALL_POINTS and max(box, landmark) <= SIZE_PERCENT,
    }


def compare(file: Path, artifact: Artifact, photos: str) -> list[tuple[float, float] | None]:
    """Return for each float face the errors of box and landmarks in percent of its size; None if missed."""
    model = onnx.load(file)
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in RAW)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    target = artifact.manifest.target
    runner = open_runner(artifact.model, (find_format(target.format).runtime,), threads=1)
    outputs = [
        replace(info, channels_last=target.format == "tflite" and len(info.shape) == 4)
        for info in runner.outputs
    ]
    feed, source = (
        Feed(runner.inputs[0], artifact.contract),
        open_source(photos, cache_dir=artifact.directory),
    )
    pairs: list[tuple[float, float] | None] = []
    for index in range(len(source)):
        pixels = geometry(source.load(index), artifact.contract)[None]
        image = pixels.transpose(0, 3, 1, 2).astype(np.float32)
        wanted = faces(session.run(list(RAW), {session.get_inputs()[0].name: image}))
        raw = runner.run(feed.fill(pixels))
        maps = [info.as_in_torch(info.dequantize(values)) for info, values in zip(outputs, raw, strict=True)]
        found = faces(maps)
        pairs += [
            _nearest(box, points, found) for box, points in zip(wanted.boxes, wanted.landmarks, strict=True)
        ]
    return pairs


def faces(maps: Sequence[npt.NDArray[np.float32]]) -> Faces:
    """Decode the twelve raw maps of a photo and suppress what overlaps."""
    truth = face_truth(maps)
    assert truth.points is not None
    sure = np.flatnonzero(truth.scores[:, 0] >= _SCORE)
    sure = sure[np.argsort(-truth.scores[sure, 0], kind="stable")]
    boxes, scores = truth.boxes[sure].astype(np.float32), truth.scores[sure, 0].astype(np.float32)
    kept = sure[nms(boxes, scores, np.zeros(len(sure), np.int64), _OVERLAP, _MOST)]
    return Faces(truth.boxes[kept], truth.points[kept])


def _nearest(box: Array, landmarks: Array, found: Faces) -> tuple[float, float] | None:
    """Return the errors of the face that overlaps a float face most; None if no face overlaps it by half."""
    if not len(found.boxes):
        return None
    near, far = np.maximum(box[:2], found.boxes[:, :2]), np.minimum(box[2:], found.boxes[:, 2:])
    common = np.clip(far - near, 0, None).prod(1)
    area = (box[2:] - box[:2]).prod()
    overlaps = common / (area + (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1) - common)
    best = int(overlaps.argmax())
    if overlaps[best] < _SAME:
        return None
    size = float(np.sqrt(area)) / 100
    errors = np.abs(found.boxes[best] - box).mean(), np.abs(found.landmarks[best] - landmarks).mean()
    return float(errors[0]) / size, float(errors[1]) / size
