"""Random inputs of ONNX's layers with weights, normalizations, and operators that choose and move values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.campaigns.onnx_inputs import Input, integers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.campaigns.onnx_inputs import Draw, Inputs


def transposed_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a ConvTranspose."""
    random, attributes = draw.random, draw.attributes
    groups, inside, outputs = random.choice((1, 1, 2, 3)), random.randint(1, 2), random.randint(1, 2)
    kernel, strides = [[random.randint(1, high) for _ in range(2)] for high in (4, 3)]
    dilations = [random.randint(1, 2) for _ in range(2)] if draw.chance(0.3) else [1, 1]
    automatic = random.choice((None, None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    if automatic is not None:
        attributes["auto_pad"] = automatic
    attributes["strides"] = strides
    if dilations != [1, 1] or draw.chance(0.2):
        attributes["dilations"] = dilations
    if groups > 1:
        attributes["group"] = groups
    if automatic in (None, "NOTSET") and draw.chance(0.7):
        begin = [random.randint(0, size - 1) for size in kernel]
        end = begin if draw.chance() else [random.randint(0, size - 1) for size in kernel]
        attributes["pads"] = [*begin, *end]
    if draw.chance(0.4):
        attributes["output_padding"] = [
            random.randint(0, max(both) - 1) for both in zip(strides, dilations, strict=True)
        ]
    sizes = [random.randint(1, 6), random.randint(1, 6)]
    if draw.chance(0.3):
        attributes["output_shape"] = [
            step * size + random.randint(-1, 1) for step, size in zip(strides, sizes, strict=True)
        ]
    if draw.chance():
        attributes["kernel_shape"] = kernel
    bias = Input(draw.array(groups * outputs)) if draw.chance() else None
    source = Input(draw.array(1, groups * inside, *sizes), moves=True)
    return [source, Input(draw.array(groups * inside, outputs, *kernel)), bias]


def slope_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a PRelu."""
    shape = draw.shape(1, 5)
    channels = shape[1] if len(shape) > 1 else shape[0]
    shapes = [[1], shape, shape[-1:], [1] * len(shape), [channels, *[1] * (len(shape) - 2)]]
    return [Input(draw.array(*shape), moves=True), Input(draw.array(*draw.random.choice(shapes)))]


def channels_inputs(count: int) -> Callable[[Draw], Inputs]:
    """Return the maker of maps of any number of axes, with some weights for each channel."""

    def make(draw: Draw) -> Inputs:
        shape = [draw.random.randint(1, 2), draw.random.randint(1, 4), *draw.shape(1, 3)]
        weights = [Input(draw.array(shape[1])) for _ in range(count)]
        return [Input(draw.array(*shape), moves=True), *weights]

    return make


def groups_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a GroupNormalization."""
    groups, each = draw.random.randint(1, 3), draw.random.randint(1, 3)
    draw.attributes["num_groups"] = groups
    shape = [draw.random.randint(1, 2), groups * each, draw.random.randint(2, 4), draw.random.randint(1, 4)]
    size = groups * each if draw.opset >= 21 else groups
    return [Input(draw.array(*shape), moves=True), *(Input(draw.array(size)) for _ in range(2))]


def last_axes_inputs(count: int) -> Callable[[Draw], Inputs]:
    """Return the maker of a tensor that is normalized over its last axes, with some weights for them."""

    def make(draw: Draw) -> Inputs:
        shape = draw.shape(2, 4)
        axis = draw.random.randrange(len(shape))
        if axis != len(shape) - 1 or draw.chance():
            draw.attributes["axis"] = axis - len(shape) if draw.chance() else axis
        present = draw.random.randint(1, count)
        weights = [Input(draw.array(*shape[axis:])) for _ in range(present)]
        return [Input(draw.array(*shape), moves=True), *weights]

    return make


def unit_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an LpNormalization."""
    shape = draw.shape(1, 4)
    if draw.chance(0.7):
        draw.attributes["axis"] = draw.random.randint(-len(shape), len(shape) - 1)
    return [Input(draw.array(*shape), moves=True)]


def sequence_inputs(gates: int, states: int) -> Callable[[Draw], Inputs]:
    """Return the maker of the inputs of a recurrent layer with some gates and states."""

    def make(draw: Draw) -> Inputs:
        random = draw.random
        steps, inside, hidden = (random.randint(1, 4) for _ in range(3))
        count = 2 if draw.attributes.get("direction") == "bidirectional" else 1
        draw.attributes["hidden_size"] = hidden
        draw.attributes["outputs"] = random.randint(1, 1 + states)
        source = Input(draw.array(steps, 1, inside), moves=True)
        weights = [
            Input(draw.array(count, gates * hidden, inside)),
            Input(draw.array(count, gates * hidden, hidden)),
            Input(draw.array(count, 2 * gates * hidden)) if draw.chance(0.7) else None,
        ]
        lengths = Input(np.array([steps], np.int32)) if draw.chance(0.2) else None
        held = [Input(draw.array(count, 1, hidden)) if draw.chance() else None for _ in range(states)]
        return [source, *weights, lengths, *held]

    return make


def expand_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an Expand."""
    shape = [1 if draw.chance() else size for size in draw.shape(1, 4)]
    wanted = [draw.random.choice((1, size if size > 1 else 3)) for size in shape]
    wanted = [2, *wanted] if draw.chance(0.3) else wanted[draw.random.randint(0, len(wanted) - 1) :]
    return [Input(draw.array(*shape), moves=True), integers(*wanted)]


def tile_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Tile."""
    shape = draw.shape(1, 4)
    return [Input(draw.array(*shape), moves=True), integers(*(draw.random.randint(1, 3) for _ in shape))]


def _indices(draw: Draw, shape: list[int], size: int) -> Input:
    """Return random places of an axis, some of which count from its end."""
    low = -size if draw.opset >= 11 else 0
    state = np.random.default_rng(draw.random.getrandbits(32))
    kind = draw.random.choice((np.int32, np.int64))
    return Input(state.integers(low, size, shape).astype(kind), moves=draw.chance(0.3))


def gather_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Gather."""
    shape = draw.shape(1, 4)
    axis = draw.random.randrange(len(shape))
    if axis or draw.chance():
        draw.attributes["axis"] = axis - len(shape) if draw.opset >= 11 and draw.chance() else axis
    return [Input(draw.array(*shape), moves=True), _indices(draw, draw.shape(0, 2), shape[axis])]


def gather_elements_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a GatherElements."""
    shape = draw.shape(1, 4)
    axis = draw.random.randrange(len(shape))
    draw.attributes["axis"] = axis - len(shape) if draw.chance() else axis
    places = [draw.random.randint(1, 4) if place == axis else size for place, size in enumerate(shape)]
    return [Input(draw.array(*shape), moves=True), _indices(draw, places, shape[axis])]


def _rows_of_places(draw: Draw, shape: list[int]) -> Input:
    """Return the places of some rows or values of a tensor, each at most once, ``[count, axes]``."""
    axes = draw.random.randint(1, len(shape))
    every = [list(place) for place in np.ndindex(*shape[:axes])]
    chosen = draw.random.sample(every, draw.random.randint(1, len(every)))
    signed = [
        [place - size if draw.chance(0.3) else place for place, size in zip(row, shape, strict=False)]
        for row in chosen
    ]
    return Input(np.array(signed, np.int64), moves=draw.chance(0.3))


def gather_nd_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a GatherND."""
    shape = draw.shape(1, 4)
    return [Input(draw.array(*shape), moves=True), _rows_of_places(draw, shape)]


def scatter_nd_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a ScatterND."""
    shape = draw.shape(1, 4)
    places = _rows_of_places(draw, shape)
    count, axes = places.value.shape
    return [
        Input(draw.array(*shape), moves=True), places, Input(draw.array(count, *shape[axes:]), moves=True)
    ]  # fmt: skip


def scatter_elements_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a ScatterElements."""
    shape = draw.shape(1, 3)
    axis = draw.random.randrange(len(shape))
    draw.attributes["axis"] = axis - len(shape) if draw.chance() else axis
    chosen = draw.random.sample(range(shape[axis]), draw.random.randint(1, shape[axis]))
    sizes = [len(chosen) if place == axis else size for place, size in enumerate(shape)]
    along = [len(chosen) if place == axis else 1 for place in range(len(shape))]
    places = np.broadcast_to(np.array(chosen, np.int64).reshape(along), sizes)
    return [
        Input(draw.array(*shape), moves=True), Input(places.copy(), moves=draw.chance(0.3)),
        Input(draw.array(*sizes), moves=True),
    ]  # fmt: skip


def triangle_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Trilu."""
    diagonal = integers(draw.random.randint(-3, 3)).value.reshape(())
    return [Input(draw.array(*draw.shape(2, 4)), moves=True), Input(diagonal) if draw.chance() else None]


def blocks_inputs(*, apart: bool) -> Callable[[Draw], Inputs]:
    """Return the maker of the inputs of DepthToSpace, or of SpaceToDepth if the pixels come apart."""

    def make(draw: Draw) -> Inputs:
        block = draw.random.randint(1, 3)
        channels, height, width = (draw.random.randint(1, 3) for _ in range(3))
        draw.attributes["blocksize"] = block
        shape = (channels, height * block, width * block) if apart else (channels * block**2, height, width)
        return [Input(draw.array(draw.random.randint(1, 2), *shape), moves=True)]

    return make


def grid_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a GridSample."""
    maps = draw.map()
    sizes = (draw.random.randint(1, 5), draw.random.randint(1, 5))
    return [maps, Input(draw.array(1, *sizes, 2, low=-1.3, high=1.3), moves=True)]
