"""Tests of a diagnosis's evaluation: the order, the sentence, the cause, the remedy, the report."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from edgecnn.core.documents.diagnosis import (
    LayerDiagnosis,
)
from edgecnn.proof.diagnosis.causes import suspect
from edgecnn.proof.diagnosis.ranking import ranked
from edgecnn.ui.report.diagnosis import snippet
from tests.support.diagnoses import CHANNELS, RANGE, WEIGHTS, diagnosis, layer, replace


def test_layers_are_ranked_by_effect_then_alone_and_the_unmeasured_come_last() -> None:
    layers = [
        layer("a", effect_sqnr_db=20.0),
        layer("b", effect_sqnr_db=10.0, alone_sqnr_db=30.0),
        layer("c", problem="no kernel", effect_sqnr_db=math.nan),
        layer("d", effect_sqnr_db=10.0, alone_sqnr_db=15.0),
    ]
    order = ranked(layers, [1.0, 10.0, 0.0, 9.0])
    assert [item.name for item in order] == ["d", "b", "a", "c"]
    assert [item.effect_share for item in order] == pytest.approx([0.45, 0.5, 0.05, 0.0])


CASES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    (
        {"weights": replace(WEIGHTS, changed=(3,), gain=100.0)},
        "channel 3 is 100 times the float file's",
        {"quantize": {"float_layers": ["features.x"]}},
    ),
    (
        {"weights": replace(WEIGHTS, changed=(3, 4), gain=1.0)},
        "2 channels, 3 first, are not the float file's",
        {"quantize": {"float_layers": ["features.x"]}},
    ),
    (
        {"shipping_sqnr_db": 8.0, "kernel_gap_steps": 60.0},
        r"saturates on this CPU \(x86-64-avx2\): shipping execution loses 32 dB, up to 60 steps",
        {"isa": "x86-64-avx2"},
    ),
    (
        {"range": replace(RANGE, clipped=0.12, seen_high=10.0)},
        r"its range \[-1, 1\] clips 12 % of the values, which reach from -1 to 10",
        {"quantize": {"ranges": "extremes"}},
    ),
    (
        {"range": replace(RANGE, low=-50.0, high=50.0)},
        "50 times wider than the values",
        {"quantize": {"ranges": "search"}},
    ),
    (
        {"channels": replace(CHANNELS, widest=7, widest_ratio=90.0)},
        "channel 7 spans 90 times the median channel",
        {"quantize": {"method": "equalize"}},
    ),
    (
        {
            "channels": replace(CHANNELS, widest=7, widest_ratio=90.0),
            "weights": replace(WEIGHTS, outlier=7, outlier_ratio=95.0),
        },
        "one weight channel dominates: channel 7",
        {"quantize": {"method": "equalize"}},
    ),
    (
        {"effect_share": 0.4},
        "8 bits are not enough for it",
        {"quantize": {"float_layers": ["features.x"]}},
    ),
]


@pytest.mark.parametrize(("changes", "cause", "fix"), CASES)
def test_a_cause_is_suspected_with_what_mends_it(
    changes: dict[str, Any], cause: str, fix: dict[str, Any]
) -> None:
    suspicion = suspect(layer("x", **changes), "x86-64-avx2", saturates=True)
    assert suspicion is not None
    with pytest.raises(ValueError, match=cause):
        raise ValueError(suspicion[0])
    assert suspicion[1] == fix


def test_nothing_is_suspected_of_what_is_healthy_or_unknown() -> None:
    assert suspect(layer("x"), "x86-64-avx2", saturates=True) is None
    assert suspect(layer("x", problem="no kernel", effect_share=0.9), "arm64", saturates=False) is None


def test_a_gap_of_kernels_that_cannot_saturate_is_not_called_saturation() -> None:
    suspicion = suspect(layer("x", shipping_sqnr_db=8.0, kernel_gap_steps=60.0), "arm64", saturates=False)
    assert suspicion is not None
    assert "differently from the reference" in suspicion[0]
    assert suspicion[1] == {"quantize": {"float_layers": ["features.x"]}}


def test_a_layer_that_the_network_does_not_name_cannot_be_left_in_float() -> None:
    suspicion = suspect(layer("x", module=None, effect_share=0.4), "arm64", saturates=False)
    assert suspicion is not None
    assert suspicion[1] == {}


def test_the_worst_layer_is_named_only_where_one_stands_out() -> None:
    worst = layer("w", effect_share=0.9, cause="it is cursed", fix={"isa": "arm64"})
    others = (layer("a", effect_share=0.06), layer("b", effect_share=0.04))
    found = diagnosis(worst, *others)
    assert found.headline.startswith(
        "the worst layer is features.w (Conv+Clip), 90 % of the error: it is cursed"
    )
    assert snippet(found) == "targets:\n  onnx-int8:\n    isa: arm64\n"
    level = diagnosis(replace(worst, effect_share=0.3), *others)
    assert level.headline == (
        "no single layer stands out: the int8 file keeps 12.0 dB; features.w, features.a, features.b cause "
        "40 % of the error"
    )
    healthy = diagnosis(worst, *others, sqnr_db=35.0)
    assert healthy.headline == "no layer is broken: the int8 file keeps 35.0 dB at its outputs"
    assert snippet(healthy) is None


def test_what_is_not_finite_is_null_and_what_is_read_back_is_the_same() -> None:
    found = diagnosis(layer("a", alone_sqnr_db=math.inf, shipping_sqnr_db=math.inf))
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["layers"][0]["alone_sqnr_db"] is None
    assert document["layers"][0]["kernel_gap_db"] == 0.0
    assert document["whole"]["reference_sqnr_db"] is None
    plain = {key: value for key, value in document["layers"][0].items() if key != "kernel_gap_db"}
    again = LayerDiagnosis.from_json(plain)
    assert again.range == RANGE
    assert (again.name, again.module) == ("a", "features.a")
