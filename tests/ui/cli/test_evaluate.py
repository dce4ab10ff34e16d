"""What `edgecnn eval` prints."""

from __future__ import annotations

from edgecnn.core.documents.accuracy import EvalResult
from edgecnn.ui.cli.evaluate import lines

PLAIN = EvalResult(
    artifact="a",
    target="onnx-int8",
    metric="top1",
    value=0.5,
    values={"top1": 0.5, "top5": 0.75},
    n=40,
    seconds=2.0,
    images_per_second=20.0,
    data="photos",
    fp32=0.55,
    simulated_by=None,
    isa_note="",
)


def test_metrics_and_speed_are_one_line() -> None:
    assert lines(PLAIN) == [
        "top-1 50.00 % (fp32: 55.00 %), top-5 75.00 % on 40 images, 20 images/s, onnx-int8"
    ]


def test_a_warning_of_the_answers_follows_them() -> None:
    same = "answers the same class for 40 of 40 images"
    found = lines(PLAIN.model_copy(update={"warnings": (same,), "drawn": "pictures"}))
    assert found[1:] == [f"warning: onnx-int8 {same}", "pictures: pictures"]
