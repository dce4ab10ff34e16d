"""Concatenations that one int8 scale cannot serve are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.quantization.concat_ranges import LEAST_LEVELS, Concatenation, refuse_conflicts, with_one_grid
from edgecnn.quantization.ranges import Observations, Range

SEEN = Observations.gather(
    [
        {"boxes": (-20.0, 416.0), "scores": (0.0, 1.0), "logits": (-12.0, 3.0), "dead": (0.0, 0.0)},
        {"boxes": (0.0, 300.0), "scores": (0.0, 0.5), "logits": (-14.0, 1.0), "dead": (0.0, 0.0)},
    ]
)


def test_boxes_joined_with_scores_are_refused_and_both_are_named() -> None:
    with pytest.raises(InputError) as caught:
        refuse_conflicts(
            SEEN, [Concatenation("table", ("logits", "logits")), Concatenation("output", ("boxes", "scores"))]
        )
    assert caught.value.message == (
        "output joins boxes, which spans -20..416, with scores, which spans 0..1: one int8 scale leaves it "
        "0.6 of 256 levels"
    )
    assert caught.value.hint is not None
    assert "--outputs" in caught.value.hint


@pytest.mark.parametrize(
    "parts", [("boxes", "logits"), ("boxes", "unseen"), ("scores", "logits"), ("boxes", "dead"), ("boxes",)]
)
def test_what_one_scale_can_hold_is_taken(parts: tuple[str, ...]) -> None:
    refuse_conflicts(SEEN, [Concatenation("joined", parts)])


def test_the_limit_is_a_number_of_levels() -> None:
    for extent, refused in ((LEAST_LEVELS + 0.1, False), (LEAST_LEVELS - 0.1, True)):
        seen = Observations.gather([{"wide": (0.0, 256.0), "small": (0.0, extent)}])
        if refused:
            with pytest.raises(InputError, match="joins wide"):
                refuse_conflicts(seen, [Concatenation("j", ("wide", "small"))])
        else:
            refuse_conflicts(seen, [Concatenation("j", ("wide", "small"))])


def test_parts_of_one_or_of_touching_joins_share_a_range() -> None:
    ranges = {name: Range(-float(at), 10.0 - at) for at, name in enumerate("abcde")}
    found = with_one_grid(
        ranges,
        [Concatenation("1", ("a", "b")), Concatenation("2", ("d", "e", "?")), Concatenation("3", ("e", "b"))],
    )
    assert found == {name: Range(-4.0, 10.0) if name in "abde" else ranges[name] for name in "abcde"}


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_formats_find_their_concatenations(name: str, tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    parts = [helper.make_tensor_value_info(part, TensorProto.FLOAT, [1, 2, 4, 4]) for part in "ab"]
    joined = helper.make_tensor_value_info("c", TensorProto.FLOAT, [1, 4, 4, 4])
    node = helper.make_node("Concat", ["a", "b"], ["c"], name="join", axis=1)
    graph = helper.make_graph([node], "g", parts, [joined])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if name == "onnx":
        import onnx_ir as ir

        from edgecnn.backends.onnx.layers import concatenations

        assert concatenations(ir.from_proto(graph)) == [Concatenation("join", ("a", "b"))]
    else:
        from edgecnn.backends.openvino.ir import openvino
        from edgecnn.backends.openvino.ranges import concatenations as found

        onnx.save(model, tmp_path / "join.onnx")
        (join,) = found(openvino.convert_model(tmp_path / "join.onnx"))
        assert join.parts == ("a", "b")
