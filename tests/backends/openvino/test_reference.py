"""The reference of an int8 IR: simulated quantization in float operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.format import OpenvinoFormat
from edgecnn.backends.openvino.inspect import inspect
from edgecnn.backends.openvino.ir import openvino
from edgecnn.backends.openvino.reference import spell_out
from tests.backends.conftest import Make, sqnr
from tests.backends.openvino.test_quantize import run
from tests.support.inspections import counts


def fake_quantize(
    values: np.ndarray, low: float, high: float, low_out: float, high_out: float, levels: int
) -> np.ndarray:
    """FakeQuantize as its specification words it, in float64."""
    level = np.rint((values.astype(np.float64) - low) / (high - low) * (levels - 1))
    inner = level / (levels - 1) * (high_out - low_out) + low_out
    return np.where(values <= low, low_out, np.where(values > high, high_out, inner))


@given(
    low=st.floats(-50, 0.0, width=32),
    span=st.floats(0.0625, 100, width=32),
    levels=st.sampled_from([255, 256]),
    shift=st.floats(-1, 1, width=32),
)
@settings(max_examples=30)
def test_the_arithmetic_is_the_specifications(low: float, span: float, levels: int, shift: float) -> None:
    opset = openvino.opset13
    high = low + span
    values = opset.parameter([64], np.float32)
    bounds = [opset.constant(np.float32(bound)) for bound in (low, high, low + shift, high + shift)]
    original = opset.fake_quantize(values, *bounds, levels)
    model = openvino.Model([spell_out(original)], [values])
    data = np.linspace(low - span, high + span, 64, dtype=np.float32)
    have = core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([data])[0]
    want = fake_quantize(data, low, high, low + shift, high + shift, levels)
    step = span / (levels - 1)
    off = np.abs(have - want)
    # Where a value lies within rounding error of the middle between two levels, either one is right.
    position = (data.astype(np.float64) - low) / step
    middle = np.abs(position - np.floor(position) - 0.5) < 1e-3
    assert (off[~middle] < 1e-3 * step + 1e-5 * (abs(low) + span)).all()
    assert (off <= 1.01 * step + 1e-5).all()


def test_nothing_of_a_reference_runs_in_int8(quantize: Make, tmp_path: Path) -> None:
    reference = OpenvinoFormat().reference(quantize("openvino").file, tmp_path)
    seen = inspect(reference)
    assert reference.name == "reference.xml"
    assert seen.precision == "fp32"
    assert "FakeQuantize" not in counts(seen, "file_ops")


def test_the_reference_answers_as_the_int8_file_does(
    quantize: Make, pictures: np.ndarray, truth: np.ndarray, tmp_path: Path
) -> None:
    file = quantize("openvino").file
    reference = run(OpenvinoFormat().reference(file, tmp_path), pictures)
    shipping = run(file, pictures)
    assert sqnr(truth, reference) > 12
    assert abs(sqnr(truth, reference) - sqnr(truth, shipping)) < 1.0, "the kernels saturate"


def test_a_float_file_is_its_own_reference(lower: Make, pictures: np.ndarray, tmp_path: Path) -> None:
    file = lower("openvino").file
    reference = OpenvinoFormat().reference(file, tmp_path)
    assert np.array_equal(run(reference, pictures), run(file, pictures))
