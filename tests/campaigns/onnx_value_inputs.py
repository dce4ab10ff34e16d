"""Random inputs of ONNX's operators that compute value by value, reduce axes, or look for places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.campaigns.onnx_inputs import Input, integers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.campaigns.onnx_inputs import Draw, Inputs

_WHOLE = (np.float32, np.int32, np.int64)


def in_domain(low: float, high: float) -> Callable[[Draw], Inputs]:
    """Return the maker of the inputs of an operator of one tensor whose values lie between two numbers."""
    return lambda draw: [Input(draw.array(*draw.shape(0), low=low, high=high), moves=True)]


def _pair(draw: Draw) -> list[list[int]]:
    """Return two shapes, one of which may be broadcast."""
    first = draw.shape(1, 4)
    second = [1 if draw.chance(0.3) else size for size in first][draw.random.randint(0, len(first)) :]
    return [first, second][:: draw.random.choice((1, -1))]


def numbers_inputs(draw: Draw) -> Inputs:
    """Return two tensors of one type of number, many of whose values are equal."""
    kind = draw.random.choice(_WHOLE if draw.opset >= 9 else _WHOLE[:1])
    return [Input(np.round(draw.array(*shape)).astype(kind), moves=True) for shape in _pair(draw)]


def one_number_inputs(draw: Draw) -> Inputs:
    """Return a tensor of one type of number."""
    kind = draw.random.choice(_WHOLE if draw.opset >= 13 else _WHOLE[:1])
    return [Input((3 * draw.array(*draw.shape(0))).astype(kind), moves=True)]


def logic_inputs(draw: Draw) -> Inputs:
    """Return two tensors of truth values."""
    return [Input(draw.array(*shape) > 0, moves=True) for shape in _pair(draw)]


def one_logic_inputs(draw: Draw) -> Inputs:
    """Return a tensor of truth values."""
    return [Input(draw.array(*draw.shape(0)) > 0, moves=True)]


def many_inputs(draw: Draw) -> Inputs:
    """Return some tensors that are broadcast."""
    shape = draw.shape(1, 4)
    cuts = [draw.random.randint(0, len(shape) - 1) for _ in range(draw.random.randint(1, 4))]
    return [Input(draw.array(*shape[cut:]), moves=True) for cut in cuts]


def many_numbers_inputs(draw: Draw) -> Inputs:
    """Return some tensors of one type of number that are broadcast."""
    kind = draw.random.choice(_WHOLE if draw.opset >= 12 else _WHOLE[:1])
    return [Input((3 * item.value).astype(kind), moves=True) for item in many_inputs(draw) if item]


def power_inputs(draw: Draw) -> Inputs:
    """Return a base and an exponent of one value or of many."""
    first, second = _pair(draw)
    if draw.chance(0.6):
        exponent = np.float32(draw.random.choice((2, 3, 0.5, -1, 1.7, 0)))
        kind = draw.random.choice((np.float32, np.int64)) if draw.opset >= 12 else np.float32
        return [Input(draw.array(*first, low=0.2), moves=True), Input(np.array(exponent, kind))]
    return [Input(draw.array(*first, low=0.2), moves=True), Input(draw.array(*second), moves=True)]


def modulo_inputs(draw: Draw) -> Inputs:
    """Return a dividend and a divisor that is not 0; those of floats need fmod."""
    whole = draw.chance()
    shapes = _pair(draw)
    if not whole:
        draw.attributes["fmod"] = 1
    kind = draw.random.choice(_WHOLE[1:]) if whole else np.float32
    first = (5 * draw.array(*shapes[0])).astype(kind)
    second = (draw.array(*shapes[1], low=1, high=6) * draw.random.choice((1, -1))).astype(kind)
    return [Input(first, moves=True), Input(second, moves=True)]


def odd_values_inputs(draw: Draw) -> Inputs:
    """Return a tensor with infinite values or with values that are no numbers."""
    values = draw.array(*draw.shape(1, 4))
    flat = values.reshape(-1)
    flat[::3] = draw.random.choice((np.inf, -np.inf, np.nan))
    return [Input(values, moves=True)]


def cast_inputs(draw: Draw) -> Inputs:
    """Return a tensor of any type."""
    draw.attributes["to"] = draw.random.choice((1, 1, 6, 7, 9, 10, 11))
    values = 3 * draw.array(*draw.shape(0))
    kind = draw.random.choice((np.float32, np.int32, np.int64, np.bool_))
    return [Input(values > 0 if kind is np.bool_ else values.astype(kind), moves=True)]


def cast_like_inputs(draw: Draw) -> Inputs:
    """Return a tensor of any type, and another whose type is wanted."""
    first = cast_inputs(draw)
    del draw.attributes["to"]
    kind = draw.random.choice((np.float32, np.int32, np.int64, np.bool_))
    return [*first, Input(np.ones(2, kind), moves=draw.chance())]


def where_inputs(draw: Draw) -> Inputs:
    """Return a condition and two tensors."""
    shape = draw.shape(1, 4)
    parts = [shape[draw.random.randint(0, len(shape) - 1) :] for _ in range(2)]
    kind = draw.random.choice(_WHOLE)
    condition = Input(draw.array(*shape) > 0, moves=True)
    return [condition, *(Input((3 * draw.array(*part)).astype(kind), moves=True) for part in parts)]


def argument_inputs(draw: Draw) -> Inputs:
    """Return a tensor, many of whose values are equal, and draw an axis."""
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["axis"] = draw.random.randint(-len(shape) if draw.opset >= 11 else 0, len(shape) - 1)
    return [Input(np.round(draw.array(*shape)), moves=True)]


def sums_inputs(draw: Draw) -> Inputs:
    """Return a tensor and an axis."""
    shape = draw.shape(1, 4)
    axis = draw.random.randint(-len(shape), len(shape) - 1)
    kind = draw.random.choice(_WHOLE)
    axes = np.array(axis if draw.chance() else [axis], draw.random.choice((np.int32, np.int64)))
    return [Input((3 * draw.array(*shape)).astype(kind), moves=True), Input(axes)]


def top_inputs(draw: Draw) -> Inputs:
    """Return a tensor and a number of values."""
    shape = draw.shape(1, 4)
    axis = draw.random.randrange(len(shape))
    draw.attributes["axis"] = axis - len(shape) if draw.chance() else axis
    draw.attributes["outputs"] = 2
    count = draw.random.randint(1, shape[axis])
    source = Input(np.round(3 * draw.array(*shape)), moves=True)
    if draw.opset < 10:
        draw.attributes["k"] = count
        return [source]
    return [source, integers(count)]


def einsum_inputs(draw: Draw) -> Inputs:
    """Return the tensors of an equation."""
    equation, *letters = draw.random.choice(
        (
            ("ij,jk->ik", "ij", "jk"),
            ("bij,bjk->bik", "bij", "bjk"),
            ("bhwc,ck", "bhwc", "ck"),
            ("ij->ji", "ij"),
            ("b c h w , c -> b h w", "bchw", "c"),
            ("...i,i->...", "bci", "i"),
            ("ii->i", "ii"),
            ("ba,ab,a->b", "ba", "ab", "a"),
        )
    )
    sizes = {letter: draw.random.randint(1, 4) for letter in "abchijkw"}
    draw.attributes["equation"] = equation
    return [Input(draw.array(*(sizes[letter] for letter in part)), moves=True) for part in letters]
