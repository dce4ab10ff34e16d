"""Golden vectors of the tiny network: drawn pictures, their input tensors, and the right outputs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.ondevice.input_tensor import Feed
from edgecnn.ondevice.preprocess import decode_image, geometry
from edgecnn.ondevice.self_test import FILE, FOLDER, GoldenFile
from edgecnn.packaging.golden import draw, golden_files, ppm
from tests.support import tiny_models as tiny
from tests.support.tiny_run import write_artifact


def test_a_picture_is_the_same_on_every_machine() -> None:
    picture = draw(54, 144, 3)
    assert (picture.shape, picture.dtype.name) == ((54, 144, 3), "uint8")
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    assert digest == hashlib.sha256(draw(54, 144, 3).tobytes()).hexdigest()
    assert not np.array_equal(picture, draw(54, 144, 4))
    assert len(np.unique(picture)) > 200, "nearly every grey is there"


def test_a_picture_is_read_back_as_it_was_drawn() -> None:
    picture = draw(30, 20, 0)
    np.testing.assert_array_equal(np.asarray(decode_image(ppm(picture))), picture)


@pytest.mark.parametrize(
    ("target", "dtype", "exact", "tolerance"),
    [("tflite-int8", "int8", ("litert",), 4.0), ("onnx-fp32", "float32", (), 1e-6)],
)
def test_outputs_are_those_of_the_reference_kernels(
    tmp_path: Path, target: str, dtype: str, exact: tuple[str, ...], tolerance: float
) -> None:
    artifact = write_artifact(tmp_path / target, target)
    files = golden_files(artifact, tmp_path / "log")
    document = GoldenFile.from_json(json.loads(files[f"{FOLDER}/{FILE}"]), FILE)
    (output,) = document.outputs
    assert (output.dtype, output.shape, document.exact) == (dtype, (tiny.CLASSES,), exact)
    assert output.tolerance >= tolerance
    assert sorted(files) == sorted(
        [f"{FOLDER}/{FILE}", output.file, *(picture.file for picture in document.pictures)]
    )
    pictures = [decode_image(files[picture.file]) for picture in document.pictures]
    images = np.stack([geometry(image, artifact.contract) for image in pictures])
    assert document.input is not None
    feed = Feed(document.input, artifact.contract)
    for picture, image in zip(document.pictures, images, strict=True):
        assert hashlib.sha256(feed.fill(image[None]).tobytes()).hexdigest() == picture.input_sha256
    values = np.frombuffer(files[output.file], dtype).reshape(len(images), tiny.CLASSES).astype(np.float64)
    want = tiny.expected(images)
    if output.scale is not None and output.zero_point is not None:
        values = (values - output.zero_point) * output.scale
        ends = (np.array([-128, 127]) - output.zero_point) * output.scale
        want = want.clip(*ends)
    np.testing.assert_allclose(values, want, atol=0.25 if target == "tflite-int8" else 1e-4)
