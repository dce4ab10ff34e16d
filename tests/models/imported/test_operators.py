"""Operators that are built from nodes as data, without a file: their values, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch.nn import functional

from edgecnn.core.errors import InputError
from edgecnn.models.imported import layout, pools, resize
from edgecnn.models.imported.graph import ImportedNode
from edgecnn.models.imported.operators import OPERATORS, operator_of
from edgecnn.models.imported.settings import naming_opset

if TYPE_CHECKING:
    from torch import Tensor

    from edgecnn.models.imported.graph import Value

MAPS = torch.arange(2 * 5 * 6, dtype=torch.float32).reshape(1, 2, 5, 6)


def node(operator: str, outputs: int = 1, **attributes: Value) -> ImportedNode:
    names = tuple(f"y{place}" for place in range(outputs))
    return ImportedNode(operator=operator, name="n", inputs=("x",), outputs=names, attributes=attributes)


def apply(operator: str, *values: Tensor, outputs: int = 1, **attributes: Value) -> Tensor:
    made = node(operator, outputs, **attributes)
    found: Tensor = operator_of(made).make(made)(*values)
    return found


def test_an_operator_names_each_of_its_settings_once() -> None:
    for name, operator in OPERATORS.items():
        assert len(set(operator.settings)) == len(operator.settings), name
        given = [key for key in (*operator.weights, *operator.values) if key is not None]
        assert len(set(given)) == len(given), f"{name} has two inputs of one name"


def test_an_unknown_operator_is_named() -> None:
    wanted = r"operation n is Frobnicate, .* does not know \(opset 17\)"
    with pytest.raises(InputError, match=wanted), naming_opset(17):
        operator_of(node("Frobnicate"))


@pytest.mark.parametrize(
    ("low", "high", "wanted"), [(0.0, 6.0, [0.0, 3.0, 6.0]), (-1.0, 2.0, [-1.0, 2.0, 2.0])]
)
def test_clip_limits(low: float, high: float, wanted: list[float]) -> None:
    assert apply("Clip", torch.tensor([-5.0, 3.0, 9.0]), min=low, max=high).tolist() == wanted


def test_hard_sigmoid_has_the_slope_of_its_file() -> None:
    values = torch.tensor([-9.0, 0.0, 1.0, 9.0])
    torch.testing.assert_close(apply("HardSigmoid", values), torch.tensor([0.0, 0.5, 0.7, 1.0]))
    torch.testing.assert_close(
        apply("HardSigmoid", values, alpha=1 / 6, beta=0.5), functional.hardsigmoid(values)
    )


@pytest.mark.parametrize(
    ("sides", "kernel", "own"),
    [
        ((1, 1, 1, 1), (3, 3), True),
        ((0, 0, 1, 1), (3, 3), False),
        ((2, 2, 2, 2), (3, 3), False),
        ((0, 1, 0, 1), (1, 2), True),
    ],
)
def test_padding_that_torch_has_too(sides: pools.Sides, kernel: tuple[int, int], own: bool) -> None:
    assert pools.is_torchs(sides, kernel) is own


def test_uneven_padding_of_a_maximum_never_wins() -> None:
    found = apply("MaxPool", -MAPS - 1, kernel_shape=[2, 2], strides=[2, 2], pads=[0, 0, 1, 1])
    assert found.shape == (1, 2, 3, 3)
    assert found[0, 0, 2, 2] == -MAPS[0, 0, 4, 4] - 1, "zeros of the padding would be larger"


@pytest.mark.parametrize(("counted", "corner"), [([0, 0, 0, 0], 29.0), ([0, 0, 1, 1], 29.0 / 2)])
def test_uneven_padding_of_a_mean_counts_only_if_the_file_says_so(counted: list[int], corner: float) -> None:
    found = apply(
        "AveragePool", MAPS, kernel_shape=[2, 1], strides=[2, 1], pads=[0, 0, 1, 0], counted=[*counted],
        size=[5, 6],
    )  # fmt: skip
    assert found[0, 0, 2, 5] == pytest.approx(corner)
    assert found[0, 0, 0, 0] == pytest.approx(3.0)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_mean_over_windows_with_gaps(channels: int) -> None:
    maps = MAPS[:, :channels]
    found = apply(
        "AveragePool", maps, kernel_shape=[2, 2], dilations=[2, 3], pads=[1, 0, 0, 0], counted=[0, 0, 0, 0],
        size=[5, 6],
    )  # fmt: skip
    rows = [maps[:, :, row : row + 1] for row in range(5)]
    means = [rows[1], *((rows[row - 1] + rows[row + 1]) / 2 for row in range(1, 4))]
    wanted = torch.cat(means, dim=2)
    torch.testing.assert_close(found, (wanted[..., :3] + wanted[..., 3:]) / 2)


def test_a_dilated_mean_of_unknown_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"AveragePool n cannot be imported: .*dilations \[2, 2\]"):
        pools.average_pool(node("AveragePool", kernel_shape=[2, 2], dilations=[2, 2]))


@pytest.mark.parametrize(
    ("start", "end", "step", "wanted"),
    [
        (0, 2**60, 2, [0, 2, 4]),
        (-2, 2**60, 1, [3, 4]),
        (-1, -(2**60), -1, [4, 3, 2, 1, 0]),
        (3, 0, -2, [3, 1]),
        (4, 2, 1, []),
    ],
)
def test_slices(start: int, end: int, step: int, wanted: list[int]) -> None:
    values = torch.arange(5.0)
    assert apply("Slice", values, starts=[start], ends=[end], axes=[0], steps=[step]).tolist() == wanted


def test_a_slice_without_steps_forward_or_back_is_refused() -> None:
    with pytest.raises(InputError, match="steps"):
        layout.cut(node("Slice", starts=[0], ends=[1], axes=[0], steps=[0]))


def test_layouts() -> None:
    assert apply("Flatten", MAPS, axis=0).shape == (1, 60)
    assert apply("Flatten", MAPS, axis=3).shape == (10, 6)
    assert apply("Squeeze", MAPS, axes=[0]).shape == (2, 5, 6)
    assert apply("Unsqueeze", MAPS[0], axes=[-1, 0]).shape == (1, 2, 5, 6, 1)
    assert apply("Transpose", MAPS).shape == (6, 5, 2, 1)
    assert apply("Reshape", MAPS, shape=[0, -1, 2]).shape == (1, 30, 2)
    assert apply("ReduceMean", MAPS, axes=[2, 3], keepdims=0).shape == (1, 2)
    assert [part.shape[3] for part in apply("Split", MAPS, outputs=2, axis=3, split=[2, 4])] == [2, 4]
    assert apply("Concat", MAPS, MAPS, axis=-1).shape == (1, 2, 5, 12)


def test_a_softmax_of_old_opsets_takes_all_axes_from_one_on() -> None:
    flattened = apply("Softmax", MAPS, axis=2, flattened=True)
    torch.testing.assert_close(flattened.sum((2, 3)), torch.ones(1, 2))
    torch.testing.assert_close(apply("Softmax", MAPS, axis=2).sum(2), torch.ones(1, 2, 6))


def test_padding_with_infinity_survives_json() -> None:
    found = apply("Pad", MAPS[0, 0, 0], pads=[1, 0], constant_value="-inf")
    assert found.tolist() == [float("-inf"), 0, 1, 2, 3, 4, 5]
    with pytest.raises(InputError, match="mode wrap"):
        layout.pad(node("Pad", pads=[0, 0, 1, 1, 0, 0, 1, 1], mode="wrap"))


@pytest.mark.parametrize(
    ("centres", "rounding", "wanted"),
    [
        ("asymmetric", "floor", [0, 0, 1, 1, 2, 2]),
        ("asymmetric", "ceil", [0, 1, 1, 2, 2, 2]),
        ("half_pixel", "round_prefer_floor", [0, 0, 1, 1, 2, 2]),
        ("half_pixel", "floor", [0, 0, 0, 1, 1, 2]),
        ("align_corners", "round_prefer_ceil", [0, 0, 1, 1, 2, 2]),
    ],
)
def test_nearest_pixels(centres: str, rounding: str, wanted: list[int]) -> None:
    made = node("Resize", nearest_mode=rounding)
    assert resize.nearest(made, resize.Axis(3, 6, 2.0), centres).tolist() == wanted


def test_rounding_that_depends_on_the_last_bit_is_refused() -> None:
    axis = resize.Axis(5, 3, float(np.float32(0.6)))
    with pytest.raises(InputError, match="depends on rounding errors"):
        resize.nearest(node("Resize", nearest_mode="floor"), axis, "pytorch_half_pixel")


@pytest.mark.parametrize("mode", ["linear", "cubic"])
@pytest.mark.parametrize("antialias", [0, 1])
def test_the_weights_of_an_interpolation_sum_to_one(mode: str, antialias: int) -> None:
    made = node("Resize", mode=mode, antialias=antialias)
    weights = resize.matrix(made, resize.Axis(9, 4, 4 / 9), "half_pixel")
    np.testing.assert_allclose(weights.sum(1), 1)
    assert ((weights != 0).sum(1).max() > 4) == bool(antialias), "a smooth reduction reads more pixels"
    same = resize.matrix(made, resize.Axis(5, 5, 1.0), "half_pixel")
    np.testing.assert_allclose(same, np.eye(5), atol=1e-12)


def test_what_torch_resizes_itself() -> None:
    whole, half = resize.Axis(4, 8, 2.0), resize.Axis(4, 6, 1.5)
    assert resize.is_torchs(node("Resize", mode="linear"), whole, whole)
    assert not resize.is_torchs(node("Resize", mode="linear", antialias=1), whole, whole)
    assert not resize.is_torchs(node("Resize", mode="cubic"), whole, whole)
    assert resize.is_torchs(node("Resize", mode="nearest"), whole, whole)
    assert not resize.is_torchs(node("Resize", mode="nearest"), half, whole)


def test_scales_of_images_and_channels_are_refused() -> None:
    with pytest.raises(InputError, match="not constant ones of height and width"):
        resize.resize(node("Resize", scales=[1.0, 2.0, 2.0, 2.0]))
