"""Small files of TensorFlow's tools: what is made of them answers as they do, in their own runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.resolve import resolve_model
from edgecnn.models.sources.tensorflow import TensorFlowSource
from edgecnn.models.tensorflow.given_file import TensorFlowFile

SOURCE = TensorFlowSource()
MEANT = {"mean": (0.0, 0.0, 0.0), "std": (255.0, 255.0, 255.0)}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("with_tensorflow")]


@pytest.mark.parametrize(
    "name", ["float32.tflite", "float16.tflite", "small.keras", "keras2.h5", "keras3.h5", "exported"]
)
def test_a_file_and_its_network_answer_alike(tensorflow_files: Path, name: str) -> None:
    reference = str(tensorflow_files / name)
    module, spec = resolve_model(reference, contract_overrides=MEANT)
    assert (spec.contract.height, spec.contract.width, len(spec.classes)) == (24, 24, 5)
    assert spec.builder.startswith("onnx:"), "neither file nor toolchain is needed to build it again"
    given = SOURCE.open_file(reference, module, {})
    assert isinstance(given, TensorFlowFile)
    image = np.random.default_rng(0).random((1, 3, 24, 24), np.float32)
    with torch.inference_mode():
        ours = module(torch.from_numpy(image)).numpy()
    (theirs,) = given.run(image)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    compared = list(given.trace(image))
    assert len(compared) >= 8, "most operations are found in the file by their names"
    for result in compared:
        np.testing.assert_allclose(result.ours.ravel(), result.theirs.ravel(), atol=1e-4)


def test_the_first_changed_operation_is_found_by_its_name(tensorflow_files: Path) -> None:
    reference = str(tensorflow_files / "float32.tflite")
    module, _ = resolve_model(reference, contract_overrides=MEANT)
    broken = next(name for name, _ in module.named_parameters() if "pointwise" in name and "weight" in name)
    with torch.no_grad():
        module.get_parameter(broken).mul_(1.5)
    image = np.random.default_rng(0).random((1, 3, 24, 24), np.float32)
    results = SOURCE.open_file(reference, module, {}).trace(image)
    different = [
        result.operation
        for result in results
        if np.abs(result.ours.ravel() - result.theirs.ravel()).max() > 1e-3
    ]
    assert "pointwise" in different[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("int8.tflite", "is a finished int8 file"),
        ("dynamic.tflite", "rounded already"),
        ("only.weights.h5", "holds weights without a network"),
        ("lambda.keras", "the Lambda layer 'twice', which is code"),
        ("lambda.h5", "the Lambda layer 'twice', which is code"),
        ("own.keras", "the Own layer 'own', which is none of Keras's layers"),
        ("own.h5", "the Own layer 'own', which is none of Keras's layers"),
        ("linked.h5", "refers to another file at 'elsewhere'"),
        ("reads", "operations that read or write files or call code: ReadFile"),
    ],
)
def test_what_is_not_taken_is_named(tensorflow_files: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        resolve_model(str(tensorflow_files / name))


def test_a_truncated_file_is_refused(tensorflow_files: Path, tmp_path: Path) -> None:
    content = (tensorflow_files / "float32.tflite").read_bytes()
    file = tmp_path / "cut.tflite"
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cut\.tflite is a damaged or truncated TFLite file"):
        resolve_model(str(file))


def test_a_signature_is_chosen_among_several(tensorflow_files: Path) -> None:
    reference = str(tensorflow_files / "signatures")
    with pytest.raises(UsageError, match="has 2 signatures: double, plain") as found:
        resolve_model(reference)
    assert found.value.hint == "choose one: --signature double"
    chosen = {"signature": "double"}
    module, _ = resolve_model(reference, arguments=chosen, contract_overrides=MEANT)
    image = np.random.default_rng(0).random((1, 3, 24, 24), np.float32)
    with torch.inference_mode():
        ours = module(torch.from_numpy(image)).numpy()
    (theirs,) = SOURCE.open_file(reference, module, chosen).run(image)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert ours.sum() == pytest.approx(2.0, abs=1e-4), "the doubled function was read"
