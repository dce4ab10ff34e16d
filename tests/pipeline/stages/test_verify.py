"""Stage ``verify``: which links are measured, where the chain stops, and what is said about a broken link."""

import json
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.documents.link import Link
from edgecnn.core.errors import VerificationFailed
from edgecnn.core.task import CLASSIFICATION
from edgecnn.pipeline.stages import reference
from edgecnn.pipeline.stages.outputs import write_outputs
from edgecnn.pipeline.stages.verify import (
    HINTS,
    RUNTIME,
    VerifyParameters,
    read_links,
    require_intact,
    verify_stage,
)
from tests.support import tiny_models as tiny
from tests.support.stages import context, prepare_tiny
from tests.support.tiny_run import link
from tests.support.tiny_steps import write_links


def verified(folder: Path, precision: str, truth: np.ndarray, runtime: str, form: str) -> Path:
    """Verify the tiny network; return the stage's outputs."""
    inputs = {name: folder / name for name in ("reference", "float", "model", "contract")}
    inputs["probe"] = prepare_tiny(folder / "probe").directory
    for name in ("float", "model", "contract"):
        inputs[name].mkdir()
    write_outputs(inputs["reference"] / reference.PROBE, [truth.astype(np.float32)])
    (inputs["contract"] / "task.json").write_text(CLASSIFICATION.model_dump_json())
    if form == "onnx":
        tiny.write_onnx(inputs["float"] / "model.onnx")
    else:
        tiny.write_tflite(inputs["float"] / "model.tflite", quantized=False)
        tiny.write_tflite(inputs["model"] / "model.tflite", quantized=True)
    places = context(folder / "stage")
    parameters = VerifyParameters(
        format=form,
        precision=precision,
        runtime=runtime,
        reference_runtime=runtime,
        threads=1,
        host_isa="x86-64-avx2",
        limits={},
        options={},
    )
    verify_stage(runtime).run(inputs, parameters, places)
    return places.out


def truth() -> np.ndarray:
    return tiny.expected(tiny.images())


def test_a_float_file_has_the_link_of_its_conversion_only(tmp_path: Path) -> None:
    out = verified(tmp_path, "fp32", truth(), "onnxruntime", "onnx")
    (conversion,) = read_links(out)
    assert (conversion.number, conversion.passed) == (1, True)
    assert json.loads((out / RUNTIME).read_text())["runtime"] == "onnxruntime"
    require_intact(out)


def test_an_integer_file_has_three_links(tmp_path: Path) -> None:
    out = verified(tmp_path, "int8", truth(), "litert", "tflite")
    assert [(found.number, found.passed) for found in read_links(out)] == [(1, True), (2, True), (3, True)]
    assert json.loads((out / RUNTIME).read_text())["execution"] == "shipping"


def test_nothing_is_compared_after_a_broken_link(tmp_path: Path) -> None:
    out = verified(tmp_path, "int8", truth()[::-1], "litert", "tflite")
    (conversion,) = read_links(out)
    assert not conversion.passed
    with pytest.raises(VerificationFailed, match="link 1") as caught:
        require_intact(out)
    assert caught.value.hint == HINTS[1]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4])
def test_every_broken_link_has_a_hint_of_its_own(number: int, tmp_path: Path) -> None:
    broken = Link.model_validate({**link(3.0).model_dump(exclude={"passed"}), "number": number})
    write_links(tmp_path, link(), broken)
    with pytest.raises(VerificationFailed, match=f"link {number}") as caught:
        require_intact(tmp_path)
    assert caught.value.hint == HINTS[number]
    assert len(set(HINTS.values())) == len(HINTS)
