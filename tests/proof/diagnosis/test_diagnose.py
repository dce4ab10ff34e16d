"""Tests of the diagnosis of the tiny network; those of damaged networks are in ``tests/backends``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.proof.diagnosis.diagnose import diagnose_files
from edgecnn.proof.diagnosis.subject import DiagnosisRequest
from tests.support import tiny_models as tiny
from tests.support.tiny_diagnosis import write_request


@pytest.fixture
def request_tiny(tmp_path: Path) -> DiagnosisRequest:
    """The request to diagnose the tiny network."""
    return write_request(tmp_path)


def test_every_layer_is_measured_and_the_worst_is_first(request_tiny: DiagnosisRequest) -> None:
    told: list[tuple[int, int]] = []
    found = diagnose_files(request_tiny, progress=lambda *state: told.append(state))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert [layer.name for layer in sorted(found.layers, key=lambda layer: layer.position)] == [
        "input",
        "conv",
        "output",
    ]
    assert found.worst == "input", "pixels beyond the input's range are clipped"
    assert "clips" in (found.layers[0].cause or "")
    assert sum(layer.effect_share for layer in found.layers) == pytest.approx(1.0)
    last = max(found.layers, key=lambda layer: layer.position)
    assert last.accumulated_sqnr_db == pytest.approx(found.whole.reference_sqnr_db)


def test_without_labels_no_class_is_right_or_wrong(request_tiny: DiagnosisRequest) -> None:
    found = diagnose_files(request_tiny, progress=lambda *_: None)
    assert (found.whole.top1, found.whole.float_top1) == (None, None)
    assert {layer.top1_drop for layer in found.layers} == {None}
    assert found.whole.agreement is not None


def test_weights_are_compared_with_the_float_files(request_tiny: DiagnosisRequest) -> None:
    found = diagnose_files(request_tiny, progress=lambda *_: None)
    (conv,) = (layer for layer in found.layers if layer.weights is not None)
    assert conv.name == "conv"
    assert conv.weights is not None
    assert conv.weights.changed == ()
    assert conv.weights.sqnr_db > 40


def test_files_that_do_not_belong_together_are_refused(
    request_tiny: DiagnosisRequest, tmp_path: Path
) -> None:
    twice = replace(request_tiny, model=request_tiny.float_model)
    with pytest.raises(InputError, match="holds no quantized tensor"):
        diagnose_files(twice, progress=lambda *_: None)
    tflite = replace(request_tiny, model=tiny.write_tflite(tmp_path / "net.tflite", quantized=True))
    with pytest.raises(InputError):
        diagnose_files(tflite, progress=lambda *_: None)
