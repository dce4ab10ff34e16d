"""A network with several maps as outputs: every output has a scale of its own and is judged by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import edgecnn
from edgecnn.backends.worker.evaluate import evaluate
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.errors import InputError
from edgecnn.core.store.manifest import Artifact
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.resolve import resolve_model
from edgecnn.ondevice.normalize import normalize
from edgecnn.pipeline.stages.reference import ReferenceRequest, infer
from tests.conftest import picture
from tests.support.checkpoints import permit
from tests.support.runtimes import open_runtime

SIZE = 32
NAMES = ["output_0", "output_1", "output_2", "output_3"]
SMALL = ("preprocessing.height=32", "preprocessing.width=32", "preprocessing.resize=squash")
MAPS = "python:tests.support.maps_net:build"


@pytest.mark.parametrize(
    "target",
    [
        "tflite-int8",
        pytest.param("onnx-int8", marks=pytest.mark.slow),
        pytest.param("openvino-int8", marks=pytest.mark.slow),
    ],
)
def test_every_output_has_its_own_scale_and_is_judged_by_itself(
    target: str, photos: Path, tmp_path: Path
) -> None:
    result = edgecnn.export(MAPS, target, calibration=str(photos), overrides=SMALL, out=tmp_path / "artifact")
    assert result.error is None, result.error
    artifact = Artifact.open(tmp_path / "artifact")
    inspection = artifact.manifest.inspection
    outputs = inspection.outputs
    assert [output.name for output in outputs] == NAMES
    assert inspection.transposes == 0, inspection.ops
    for link in artifact.manifest.verification:
        assert set(link.outputs) == set(NAMES), f"link {link.number} left outputs out"
        assert link.output in NAMES
    quality = artifact.manifest.to_json()["quantization"]["on_calibration_images"]
    assert set(quality["outputs"]) == set(NAMES)
    scales = [output.scale for output in outputs]
    if target == "tflite-int8":
        assert inspection.float_ops == 0, inspection.float_op_names
        assert [output.shape[-1] for output in outputs] == [4, 3, 4, 3], "maps lie channels-last"
    if target != "openvino-int8":  # its outputs are float
        assert len(set(scales)) == 4, f"outputs share a scale: {scales}"
    _answers_as_torch_does(artifact, target, tmp_path)


def _answers_as_torch_does(artifact: Artifact, target: str, folder: Path) -> None:
    """The reader gets maps in torch's layout, however the file holds them."""
    images = np.stack([picture(index % 3, 100 + index, SIZE, SIZE) for index in range(4)])
    runtime = open_runtime(artifact.manifest.target.runtime, artifact.model, Options())
    done = evaluate(
        runtime, images, np.arange(4), artifact.contract, out=folder, progress=lambda _done, _total: None
    )
    module, _ = resolve_model(MAPS, contract_overrides={"height": SIZE, "width": SIZE})
    with torch.inference_mode():
        batch = torch.from_numpy(normalize(images, artifact.contract)).permute(0, 3, 1, 2)
        truth = [output.numpy() for output in module(batch)]
    for name, file, want in zip(NAMES, done.outputs, truth, strict=True):
        have = np.load(file)
        assert have.shape == want.shape, f"{name} of {target}"
        error = np.abs(have - want).max() / np.ptp(want, axis=(0, 2, 3)).max()
        assert error < 0.25, f"{name} of {target} is off by {error:.0%} of its span"


def test_maps_cannot_be_held_to_labels(tmp_path: Path) -> None:
    module, spec = resolve_model(
        MAPS, classes=("a", "b"), contract_overrides={"height": SIZE, "width": SIZE, "resize": "squash"}
    )
    save_checkpoint(tmp_path / "checkpoint", module, spec)
    permit(MAPS)
    images = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    labels = np.array([0, 1])
    PreparedSet.write(
        tmp_path / "set", images, labels, classes=("a", "b"), names=("1", "2"), contract=spec.contract
    )
    checkpoint, prepared, out = (tmp_path / name for name in ("checkpoint", "set", "out"))
    with pytest.raises(InputError, match="labels cannot be compared"):
        infer(ReferenceRequest(checkpoint, prepared, prepared, out))
