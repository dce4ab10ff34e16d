from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.documents.source import Width
from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.detection_network import detection
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.detector import Detector, Level
from edgecnn.tasks.registry import task_of

SPEC = ModelSpec(
    builder="zoo:mobilenetv2",
    contract=Contract(32, 32),
    classes=("cat", "ÿ dog"),
    arguments={"width": 0.5},
    widths={"a.b": Width(inputs=8, outputs=16)},
    weights="here",
    licence="MIT",
)
DESCRIBED = Detector((Level(8, boxes=0, scores=1),), "dfl", bins=8)
DETECTOR = SPEC.model_copy(update={"task": detection(DESCRIBED)})
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("spec", [SPEC, DETECTOR], ids=["classifier", "detector"])
def test_survives_json(spec: ModelSpec) -> None:
    assert ModelSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


@given(st.sampled_from(sorted(DETECTOR.to_json())), JSON)
def test_any_value_in_any_field_is_taken_or_refused(field: str, value: object) -> None:
    with contextlib.suppress(InputError):
        ModelSpec.from_json({**DETECTOR.to_json(), field: value})


@given(st.sampled_from(sorted(DETECTOR.to_json()["task"])), JSON)
def test_any_value_in_a_detector_is_taken_or_refused(field: str, value: object) -> None:
    data = DETECTOR.to_json()
    with contextlib.suppress(InputError, UsageError):
        task_of(ModelSpec.from_json({**data, "task": {**data["task"], field: value}}).task)


@pytest.mark.parametrize("field", sorted(SPEC.to_json().keys() - {"task"}))
def test_every_field_is_needed(field: str) -> None:
    data = SPEC.to_json()
    del data[field]
    with pytest.raises(InputError):
        ModelSpec.from_json(data)


def test_a_spec_of_before_tasks_had_names_is_of_a_classifier_or_a_detector() -> None:
    older = {name: value for name, value in SPEC.to_json().items() if name != "task"}
    assert ModelSpec.from_json(older) == SPEC
    assert ModelSpec.from_json({**older, "detector": DESCRIBED.to_json()}) == DETECTOR
    with pytest.raises(InputError, match="detector is not the description of a detector"):
        ModelSpec.from_json({**older, "detector": 3})
