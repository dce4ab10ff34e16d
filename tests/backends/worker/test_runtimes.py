"""Every runtime, on the same tiny network with a known answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.backends.registry import runtimes
from edgecnn.backends.worker.evaluate import evaluate
from edgecnn.backends.worker.runtime import Description, Execution, Options, Runtime
from edgecnn.core.errors import InputError, UsageError
from tests.support import tiny_models as tiny
from tests.support.runtimes import open_runtime

if TYPE_CHECKING:
    from pathlib import Path

CASES = {
    "onnx": "onnxruntime",
    "openvino": "openvino",
    "tflite-float": "litert",
    "tflite-int8": "litert",
}
EXECUTIONS: tuple[Execution, ...] = ("shipping", "reference")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "onnx": tiny.write_onnx(folder / "a.onnx"),
        "openvino": tiny.write_openvino(folder / "b.xml"),
        "tflite-float": tiny.write_tflite(folder / "c.tflite", quantized=False),
        "tflite-int8": tiny.write_tflite(folder / "d.tflite", quantized=True),
    }


def outputs_of(runtime: Runtime, pictures: np.ndarray, out: Path) -> np.ndarray:
    everything = np.arange(len(pictures))
    done = evaluate(runtime, pictures, everything, tiny.CONTRACT, out=out, progress=lambda *_: None)
    outputs: np.ndarray = np.load(done.outputs[0])
    return outputs


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("case", CASES)
def test_right_answer(files: dict[str, Path], case: str, execution: Execution, tmp_path: Path) -> None:
    pictures = tiny.images()
    runtime = open_runtime(CASES[case], files[case], Options(execution))
    outputs = outputs_of(runtime, pictures, tmp_path)
    assert outputs.dtype == np.float32
    # One step of the int8 output, and what rounding the input to 0.025 adds over 192 products.
    tolerance = 2 * tiny.OUTPUT_SCALE if case == "tflite-int8" else 1e-4
    np.testing.assert_allclose(outputs, tiny.expected(pictures), atol=tolerance)


@pytest.mark.parametrize("execution", EXECUTIONS)
@pytest.mark.parametrize("case", CASES)
def test_description_is_read_back(files: dict[str, Path], case: str, execution: Execution) -> None:
    told = open_runtime(CASES[case], files[case], Options(execution)).describe()
    assert (told.runtime, told.execution, told.threads) == (CASES[case], execution, 1)
    assert told.version[0].isdigit()
    assert told.providers
    assert told.inputs[0].shape == ((1, 8, 8, 3) if "tflite" in case else (1, 3, 8, 8))
    assert told.outputs[0].shape == (1, 5)
    if case == "tflite-int8":
        assert told.outputs[0].dtype == "int8"
        assert told.outputs[0].scale == pytest.approx(tiny.OUTPUT_SCALE)
        assert told.outputs[0].zero_point == tiny.OUTPUT_ZERO
    else:
        assert (told.outputs[0].dtype, told.outputs[0].scale) == ("float32", None)
    assert Description.from_json(told.to_json()) == told


def test_int8_inputs_go_in_unchanged(files: dict[str, Path]) -> None:
    """The integer network at its input's zero point computes zero, which is the output's zero point."""
    for execution in EXECUTIONS:
        runtime = open_runtime("litert", files["tflite-int8"], Options(execution))
        result = runtime.run([np.full((1, 8, 8, 3), tiny.INPUT_ZERO, np.int8)])
        np.testing.assert_array_equal(result[0], np.full((1, 5), tiny.OUTPUT_ZERO, np.int8))


def test_reference_execution_uses_no_delegate(files: dict[str, Path]) -> None:
    reference = open_runtime("litert", files["tflite-int8"], Options("reference")).describe()
    shipping = open_runtime("litert", files["tflite-int8"], Options("shipping")).describe()
    assert reference.providers == ("reference kernels",)
    assert "XNNPACK" in shipping.providers


def test_extra_settings_reach_the_runtime(files: dict[str, Path]) -> None:
    onnx = Options(extra={"session.x64quantprecision": "1"})
    open_runtime("onnxruntime", files["onnx"], onnx)
    four = Options(extra={"INFERENCE_NUM_THREADS": "2"})
    assert open_runtime("openvino", files["openvino"], four).describe().threads == 2
    with pytest.raises(UsageError, match="litert has no option fast"):
        open_runtime("litert", files["tflite-int8"], Options(extra={"fast": "1"}))
    with pytest.raises(InputError, match="NO_SUCH_PROPERTY"):
        open_runtime("openvino", files["openvino"], Options(extra={"NO_SUCH_PROPERTY": "1"}))


def test_real_photos_through_a_real_int8_network(shared_data: Path) -> None:
    """Google's MobileNetV2 knows what is on a photo, so bytes, layout and dequantization are right."""
    from PIL import Image

    lines = (shared_data / "imagenet" / "eval.csv").read_text().splitlines()[1:13]
    runtime = open_runtime(
        "litert", shared_data / "models" / "tf2_mobilenet_v2_1.0_224_ptq.tflite", Options()
    )
    right = 0
    for line in lines:
        path, label = line.split(",")[:2]
        with Image.open(shared_data / "imagenet" / path) as photo:
            pixels = np.asarray(photo.convert("RGB").resize((224, 224)), np.uint8)
        scores = runtime.run([pixels[None]])[0][0, 1:]
        right += int(scores.argmax()) == int(label)
    assert right >= 6, f"only {right} of {len(lines)} photos are recognized"


def test_every_entry_of_the_table_is_complete() -> None:
    for name, entry in runtimes().items():
        module, _, attribute = entry.load.partition(":")
        assert module.startswith("edgecnn.backends."), name
        assert module.endswith(".runtime"), name
        assert attribute, name
        assert " install " in entry.install, name
