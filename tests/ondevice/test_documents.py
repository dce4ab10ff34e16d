from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.backends.worker.runtime import Description
from edgecnn.ondevice.boxes import Detection
from edgecnn.ondevice.classify import Classification
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.detector import Detector, Level
from edgecnn.ondevice.documents import PlainDocument
from edgecnn.ondevice.tensor import TensorInfo


@dataclass(frozen=True)
class Part(PlainDocument):
    name: str
    size: tuple[int, float] = (1, 2.0)

    def __post_init__(self) -> None:
        if self.size[0] < 0:
            raise ValueError(f"size {self.size[0]} is negative")


@dataclass(frozen=True)
class Whole(PlainDocument):
    kind: Literal["a", "b"]
    flag: bool
    count: int | None
    parts: tuple[Part, ...] = ()
    sums: dict[str, int] = field(default_factory=dict)
    rest: object = None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PARTS = st.builds(Part, st.text(), st.tuples(st.integers(0, 9), st.floats(-1e9, 1e9)))
WHOLES = st.builds(
    Whole,
    st.sampled_from(["a", "b"]),
    st.booleans(),
    st.none() | st.integers(),
    st.lists(PARTS, max_size=3).map(tuple),
    st.dictionaries(st.text(), st.integers(), max_size=3),
    JSON,
)
GOOD = Whole("a", flag=True, count=3, parts=(Part("one"), Part("two", (4, 0.5))), sums={"x": 1})


@given(WHOLES)
def test_what_is_written_is_read_again(document: Whole) -> None:
    assert Whole.from_json(document.to_json()) == document
    assert Whole.from_text(json.dumps(document.to_json()), wire=True) == document


@given(JSON | st.dictionaries(st.sampled_from(["kind", "flag", "count", "parts", "sums", "rest"]), JSON))
def test_garbage_is_refused_in_one_line(data: object) -> None:
    try:
        Whole.from_json(data, "whole.json")
    except ValueError as error:
        message = str(error)
        assert message.startswith("whole.json: ")
        assert len(message.splitlines()) == 1
        assert len(message) < 300


@given(st.sampled_from(list(GOOD.to_json())), JSON)
def test_one_field_of_anything_is_read_or_named(name: str, value: object) -> None:
    problem = ""
    try:
        Whole.from_json(GOOD.to_json() | {name: value})
    except ValueError as error:
        problem = str(error)
    assert not problem or name in problem


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "c"}, "kind: 'c' is not one of a, b"),
        ({"kind": ["a"]}, "kind: a list is not one of a, b"),
        ({"flag": 1}, "flag: 1 is not true or false"),
        ({"count": True}, "count: true is not a whole number"),
        ({"count": 8.5}, "count: 8.5 is not a whole number"),
        ({"parts": {}}, "parts: an object is not a list"),
        ({"parts": [{"name": None}]}, "parts[0].name: null is not text"),
        ({"parts": [{"name": "x"}, {"size": [1, 2]}]}, "parts[1]: name is missing"),
        ({"parts": [{"name": "x", "size": [1]}]}, "parts[0].size: there are 1 values, not 2"),
        ({"parts": [{"name": "x", "size": [1, True]}]}, "parts[0].size[1]: true is not a number"),
        ({"parts": [{"name": "x", "size": [1, 10**400]}]}, "is not a number"),
        ({"parts": [{"name": "x", "size": [1, float("nan")]}]}, "parts[0].size[1]: nan is not a number"),
        ({"parts": [{"name": "x", "size": [-1, 0]}]}, "parts[0]: size -1 is negative"),
        ({"sums": {"a\nb": "1"}}, "sums['a\\nb']: '1' is not a whole number"),
        ({"sums": {1: 1}}, "sums: an object is not an object of named values"),
        ({"rest": {"a": [float("inf")]}}, "rest['a'][0]: inf is not a number"),
        ({"rest": {1, 2}}, "rest: a set is nothing that JSON can hold"),
        ({"newer": 1}, "unknown key 'newer'"),
    ],
)
def test_a_fault_is_named_with_its_place(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        Whole.from_json(GOOD.to_json() | change, "whole.json")
    assert str(caught.value).startswith("whole.json: ")
    assert message in str(caught.value)


def test_a_whole_number_becomes_a_float_where_one_is_wanted() -> None:
    part = Part.from_json({"name": "x", "size": [1, 2]})
    assert json.dumps(part.to_json()) == '{"name": "x", "size": [1, 2.0]}'


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, b"\xff\xfe\x00", '{"rest": ' * 50 + "1" + "}" * 50])
def test_text_that_is_no_document(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"^whole\.json") as caught:
        Whole.from_text(text, "whole.json")
    assert len(str(caught.value).splitlines()) == 1


def test_depth_is_bounded() -> None:
    deep: object = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(ValueError, match="nested too deeply"):
        Whole.from_json(GOOD.to_json() | {"rest": deep})


INFO = TensorInfo("x", (1, -1), "int8", 0.5, -128, channels_last=True)


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (
            Contract(96, 128, resize="letterbox"),
            '{"height": 96, "width": 128, "resize": "letterbox", "crop_fraction": 0.875, '
            '"interpolation": "bilinear", "color": "rgb", "mean": [123.675, 116.28, 103.53], '
            '"std": [58.395, 57.12, 57.375], "pad_value": 114}',
        ),
        (
            Detector((Level(8.0, 0, 1, anchors=((10.0, 20.5),)),), "ssd", "softmax"),
            '{"levels": [{"stride": 8.0, "boxes": 0, "scores": 1, "objectness": null, "anchors": '
            '[[10.0, 20.5]]}], "boxes": "ssd", "scores": "softmax", "bins": 1, "score_threshold": 0.25, '
            '"iou_threshold": 0.6, "candidates": 1000, "max_detections": 100}',
        ),
        (
            Detection("cat", 1, 0.5, (0.0, 1.0, 2.0, 3.0)),
            '{"label": "cat", "index": 1, "score": 0.5, "box": [0.0, 1.0, 2.0, 3.0]}',
        ),
        (Classification("cat", 1, 0.5), '{"label": "cat", "index": 1, "probability": 0.5}'),
        (
            Description("litert", "2.3.0", "shipping", 1, ("XNNPACK",), (INFO,), (), {"arena": 3}),
            '{"runtime": "litert", "version": "2.3.0", "execution": "shipping", "threads": 1, "providers": '
            '["XNNPACK"], "inputs": [{"name": "x", "shape": [1, -1], "dtype": "int8", "scale": 0.5, '
            '"zero_point": -128, "channels_last": true}], "outputs": [], "memory_bytes": {"arena": 3}}',
        ),
    ],
)
def test_the_spelling_that_digests_and_signatures_are_of(document: PlainDocument, text: str) -> None:
    assert json.dumps(document.to_json()) == text
    assert type(document).from_text(text) == document
