"""Random inputs and attributes of ONNX's operators, for files that are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from random import Random

    import numpy.typing as npt

    Array = npt.NDArray[Any]

OPSETS = tuple(range(7, 27))
LAST = OPSETS[-1]


@dataclass(frozen=True)
class Input:
    """An input of a node: its value, and whether it may come from the image."""

    value: Array
    moves: bool = False


@dataclass(frozen=True)
class Draw:
    """A drawn node, before its inputs.

    Attributes:
        random: The source of chance.
        opset: The opset.
        attributes: Its attributes, to which the maker of inputs may add.
    """

    random: Random
    opset: int
    attributes: dict[str, Any]

    def array(self, *shape: int, low: float = -2.0, high: float = 2.0) -> Array:
        """Return random float32 numbers."""
        state = np.random.default_rng(self.random.getrandbits(32))
        return state.uniform(low, high, shape).astype(np.float32)

    def shape(self, low: int = 1, high: int = 5) -> list[int]:
        """Return a random shape."""
        return [self.random.randint(1, 5) for _ in range(self.random.randint(low, high))]

    def map(self, *, moves: bool = True) -> Input:
        """Return a random map."""
        sizes = (self.random.randint(1, 4), self.random.randint(4, 11), self.random.randint(4, 11))
        return Input(self.array(1, *sizes), moves)

    def chance(self, share: float = 0.5) -> bool:
        """Return True in some cases."""
        return self.random.random() < share


Inputs = list[Input | None]


def integers(*values: int) -> Input:
    """Return a constant input of whole numbers."""
    return Input(np.array(values, np.int64))


def unary_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an operator of one tensor."""
    return [Input(draw.array(*draw.shape(0)), moves=True)]


def binary_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an operator of two tensors, one of which may be broadcast."""
    first = draw.shape(1, 4)
    second = [1 if draw.chance(0.3) else size for size in first][draw.random.randint(0, len(first)) :]
    pair = [Input(draw.array(*shape, low=0.3), moves=True) for shape in (first, second)]
    return list(pair[::-1] if draw.chance() else pair)


def along_axis_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an operator along one axis."""
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["axis"] = draw.random.randint(-len(shape) if draw.opset >= 11 else 0, len(shape) - 1)
    return [Input(draw.array(*shape), moves=True)]


def flatten_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Flatten."""
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["axis"] = draw.random.randint(-len(shape) if draw.opset >= 11 else 0, len(shape))
    return [Input(draw.array(*shape), moves=True)]


def concat_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Concat."""
    shape = draw.shape(1, 4)
    axis = draw.random.randrange(len(shape))
    parts: Inputs = []
    for _ in range(draw.random.randint(1, 3)):
        sizes = [draw.random.randint(1, 4) if place == axis else size for place, size in enumerate(shape)]
        parts.append(Input(draw.array(*sizes), moves=True))
    draw.attributes["axis"] = axis - len(shape) if draw.opset >= 11 and draw.chance() else axis
    return parts


def clip_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Clip."""
    limits = [draw.random.choice((-1.5, 0.0, 0.5, 6.0, None)) for _ in range(2)]
    source = Input(draw.array(*draw.shape()), moves=True)
    if draw.opset >= 11:
        return [source, *(None if limit is None else Input(np.array(limit, np.float32)) for limit in limits)]
    for name, limit in zip(("min", "max"), limits, strict=True):
        if limit is not None:
            draw.attributes[name] = limit
    return [source]


def _padding(draw: Draw, kernel: tuple[int, int], *, ceil: bool) -> None:
    """Draw the settings that convolutions and pools share."""
    random, attributes = draw.random, draw.attributes
    automatic = random.choice((None, None, "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"))
    if automatic is not None:
        attributes["auto_pad"] = automatic
    if automatic in (None, "NOTSET") and draw.chance(0.7):
        begin = [random.randint(0, size - 1) for size in kernel]
        attributes["pads"] = (
            begin * 2 if draw.chance() else [*begin, *(random.randint(0, size - 1) for size in kernel)]
        )
    if draw.chance(0.7):
        attributes["strides"] = [random.randint(1, 3), random.randint(1, 3)]
    if ceil and draw.opset >= 10 and draw.chance():
        attributes["ceil_mode"] = random.randint(0, 1)


def conv_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Conv."""
    random = draw.random
    groups, inside, outputs = random.choice((1, 1, 2, 3)), random.randint(1, 2), random.randint(1, 3)
    kernel = (random.randint(1, 4), random.randint(1, 4))
    _padding(draw, kernel, ceil=False)
    if groups > 1 or draw.chance(0.2):
        draw.attributes["group"] = groups
    if draw.chance(0.3):
        draw.attributes["dilations"] = [random.randint(1, 2), random.randint(1, 2)]
    if draw.chance():
        draw.attributes["kernel_shape"] = list(kernel)
    weight = Input(draw.array(groups * outputs, inside, *kernel))
    bias = Input(draw.array(groups * outputs)) if draw.chance() else None
    source = Input(draw.array(1, groups * inside, random.randint(7, 11), random.randint(7, 11)), moves=True)
    return [source, weight, bias]


def pool_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a MaxPool or an AveragePool."""
    kernel = (draw.random.randint(1, 4), draw.random.randint(1, 4))
    draw.attributes["kernel_shape"] = list(kernel)
    _padding(draw, kernel, ceil=True)
    return [draw.map()]


def batch_norm_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a BatchNormalization."""
    shape = draw.shape(2, 5)
    parts = [Input(draw.array(shape[1], low=0.2)) for _ in range(4)]
    return [Input(draw.array(*shape), moves=True), *parts]


def dropout_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Dropout."""
    source = Input(draw.array(*draw.shape()), moves=True)
    if draw.opset < 12:
        return [source]
    ratio = Input(np.array(0.4, np.float32)) if draw.chance() else None
    return [source, ratio, Input(np.array(False)) if draw.chance(0.3) else None]


def gemm_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Gemm."""
    rows, inside, columns = (draw.random.randint(1, 4) for _ in range(3))
    first = (inside, rows) if draw.attributes.get("transA") else (rows, inside)
    second = (columns, inside) if draw.attributes.get("transB") else (inside, columns)
    shapes = ((columns,), (1, columns), (1,), (), (rows, 1), (rows, columns))
    bias = Input(draw.array(*draw.random.choice(shapes)))
    return [
        Input(draw.array(*first), moves=True),
        Input(draw.array(*second)),
        bias if draw.opset < 11 or draw.chance(0.7) else None,
    ]


def matmul_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a MatMul."""
    rows, inside, columns = (draw.random.randint(1, 4) for _ in range(3))
    batch = draw.shape(0, 2)
    first = draw.random.choice(((inside,), (rows, inside), (*batch, rows, inside)))
    second = draw.random.choice(((inside,), (inside, columns), (inside, columns), (*batch, inside, columns)))
    return [Input(draw.array(*first), moves=True), Input(draw.array(*second), moves=True)]


def pad_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Pad."""
    mode = draw.attributes.get("mode", "constant")
    shape = [size + 2 for size in draw.shape(4 if mode != "constant" else 1, 4)]
    low = -1 if draw.chance(0.2) else 0
    sides = np.array([draw.random.randint(low, 2) for _ in range(2 * len(shape))], np.int64)
    if mode != "constant":
        sides[[0, 1, 4, 5]] = 0
    source, filling = Input(draw.array(*shape), moves=True), draw.random.choice((None, 1.5, -3.0, -np.inf))
    if draw.opset < 11:
        draw.attributes["pads"] = sides.tolist()
        if filling is not None:
            draw.attributes["value"] = filling
        return [source]
    value = None if filling is None else Input(np.array(filling, np.float32))
    if draw.opset < 18 or draw.chance():
        return [source, Input(sides), value]
    axes = draw.random.sample(range(len(shape)), draw.random.randint(1, len(shape)))
    picked = [*sides[axes], *sides[[axis + len(shape) for axis in axes]]]
    named = [axis - len(shape) if draw.chance() else axis for axis in axes]
    return [source, integers(*picked), value, integers(*named)]


def _axes(draw: Draw, shape: list[int], axes: list[int], input_since: int) -> Inputs:
    """Return the inputs of an operator that names axes as an attribute or, in newer opsets, as an input."""
    source = Input(draw.array(*shape), moves=True)
    if draw.opset >= input_since:
        return [source, integers(*axes)] if axes else [source]
    if axes:
        draw.attributes["axes"] = axes
    return [source]


def _signed(draw: Draw, axes: list[int], rank: int) -> list[int]:
    return [axis - rank if draw.opset >= 11 and draw.chance() else axis for axis in axes]


def reduce_inputs(draw: Draw, input_since: int = 18) -> Inputs:
    """Return the inputs of a reduction, whose axes are an input since some opset."""
    shape = draw.shape(1, 5)
    axes = draw.random.sample(range(len(shape)), draw.random.randint(0, len(shape)))
    return _axes(draw, shape, _signed(draw, axes, len(shape)), input_since)


def squeeze_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Squeeze."""
    shape = [1 if draw.chance() else size for size in draw.shape(1, 5)]
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    axes = draw.random.sample(ones, draw.random.randint(0, len(ones)))
    return _axes(draw, shape, _signed(draw, axes, len(shape)), 13)


def unsqueeze_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an Unsqueeze."""
    shape = draw.shape(1, 3)
    rank = len(shape) + draw.random.randint(1, 3)
    axes = draw.random.sample(range(rank), rank - len(shape))
    return _axes(draw, shape, _signed(draw, axes, rank), 13)


def reshape_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Reshape."""
    shape = draw.shape(1, 4)
    sizes = list(shape)
    draw.random.shuffle(sizes)
    if draw.chance(0.3):
        sizes = [shape[0], -1]
    elif draw.chance():
        sizes[draw.random.randrange(len(sizes))] = -1
    elif draw.chance():
        sizes = [0 if draw.chance() else size for size in shape]
    return [Input(draw.array(*shape), moves=True), integers(*sizes)]


def transpose_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Transpose."""
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["perm"] = draw.random.sample(range(len(shape)), len(shape))
    return [Input(draw.array(*shape), moves=True)]


def slice_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Slice."""
    shape = [size + 2 for size in draw.shape(1, 4)]
    axes = draw.random.sample(range(len(shape)), draw.random.randint(1, len(shape)))
    places = [[draw.random.choice((-(2**62), -9, -3, -1, 0, 1, 2, 4, 2**62)) for _ in axes] for _ in range(2)]
    source = Input(draw.array(*shape), moves=True)
    if draw.opset < 10:
        draw.attributes.update(starts=places[0], ends=places[1], axes=axes)
        return [source]
    named = _signed(draw, axes, len(shape))
    steps = [draw.random.choice((-3, -1, 1, 2)) for _ in axes]
    return [source, *(integers(*numbers) for numbers in (*places, named, steps))]


def split_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Split."""
    shape = [size + 2 for size in draw.shape(1, 4)]
    axis, count = draw.random.randrange(len(shape)), draw.random.randint(1, 3)
    sizes: list[int] = []
    if draw.chance():
        sizes = [draw.random.randint(1, 3) for _ in range(count)]
        shape[axis] = sum(sizes)
    elif draw.opset < 18 or draw.chance():
        shape[axis] = count * draw.random.randint(1, 3)
    draw.attributes["axis"] = axis - len(shape) if draw.opset >= 11 and draw.chance() else axis
    draw.attributes["outputs"] = count
    source = Input(draw.array(*shape), moves=True)
    if draw.opset < 13:
        if sizes:
            draw.attributes["split"] = sizes
        return [source]
    if draw.opset >= 18 and not sizes:
        draw.attributes["num_outputs"] = count
    return [source, integers(*sizes) if sizes else None]


def resize_inputs(draw: Draw) -> Inputs:
    """Return the inputs of a Resize."""
    random = draw.random
    source = draw.map()
    names = random.choice(
        ((2.0, 2.0), (3.0, 2.0), (0.5, 0.5), (1.5, 2.5), (0.6, 0.7), (1.0, 4.0), (2.0, 0.3))
    )
    scales = np.array((1, 1, *names), np.float32)
    if draw.opset == 10:
        return [source, Input(scales)]
    if draw.chance(0.4):
        sizes = [*source.value.shape[:2], random.randint(1, 22), random.randint(1, 22)]
        if draw.opset >= 18 and draw.chance(0.3):
            draw.attributes["axes"] = [2, 3]
            return [source, None, None, integers(*sizes[2:])]
        return [source, *_no_scales(draw), integers(*sizes)]
    if draw.opset >= 18 and draw.chance(0.3):
        draw.attributes["axes"] = random.choice(([2, 3], [3, 2], [-2, -1], [3]))
        return [source, None, Input(scales[2 : 2 + len(draw.attributes["axes"])])]
    roi = Input(np.zeros(0, np.float32)) if draw.opset < 13 or draw.chance() else None
    return [source, roi, Input(scales)]


def _no_scales(draw: Draw) -> Inputs:
    """Return the inputs roi and scales of a Resize that has sizes; opset 11 wants empty tensors."""
    empty = Input(np.zeros(0, np.float32))
    return [empty, empty] if draw.opset < 13 else [None, None]


def upsample_inputs(draw: Draw) -> Inputs:
    """Return the inputs of an Upsample."""
    scales = [1.0, 1.0, *draw.random.choice(((2.0, 2.0), (3.0, 2.0), (1.0, 4.0), (1.5, 2.5)))]
    if draw.opset < 9:
        draw.attributes["scales"] = scales
        return [draw.map()]
    return [draw.map(), Input(np.array(scales, np.float32))]
