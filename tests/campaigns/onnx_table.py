"""The operators that the importer claims, with the domains of their settings in each opset, to draw from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    import numpy.typing as npt

    Array = npt.NDArray[Any]

OPSETS = (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22)
_LAST = OPSETS[-1]


@dataclass(frozen=True)
class Setting:
    """An attribute of an operator.

    Attributes:
        values: Some of its domain.
        since: First opset that has it.
        until: Last opset that has it.
    """

    values: tuple[Any, ...]
    since: int = 1
    until: int = _LAST


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


@dataclass(frozen=True)
class Drawn:
    """How nodes of an operator are drawn.

    Attributes:
        inputs: Makes the inputs, and attributes that depend on their shapes.
        settings: The attributes.
        since: First opset that has the operator.
        until: Last opset that has it.
        outputs: Number of outputs; the maker of inputs may put another one under ``outputs``.
    """

    inputs: Callable[[Draw], Inputs]
    settings: Mapping[str, Setting] = field(default_factory=dict)
    since: int = 7
    until: int = _LAST


def _integers(*values: int) -> Input:
    return Input(np.array(values, np.int64))


def _unary(draw: Draw) -> Inputs:
    return [Input(draw.array(*draw.shape(0)), moves=True)]


def _binary(draw: Draw) -> Inputs:
    first = draw.shape(1, 4)
    second = [1 if draw.chance(0.3) else size for size in first][draw.random.randint(0, len(first)) :]
    pair = [Input(draw.array(*shape, low=0.3), moves=True) for shape in (first, second)]
    return list(pair[::-1] if draw.chance() else pair)


def _along_axis(draw: Draw) -> Inputs:
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["axis"] = draw.random.randint(-len(shape) if draw.opset >= 11 else 0, len(shape) - 1)
    return [Input(draw.array(*shape), moves=True)]


def _flatten(draw: Draw) -> Inputs:
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["axis"] = draw.random.randint(-len(shape) if draw.opset >= 11 else 0, len(shape))
    return [Input(draw.array(*shape), moves=True)]


def _concat(draw: Draw) -> Inputs:
    shape = draw.shape(1, 4)
    axis = draw.random.randrange(len(shape))
    parts: Inputs = []
    for _ in range(draw.random.randint(1, 3)):
        sizes = [draw.random.randint(1, 4) if place == axis else size for place, size in enumerate(shape)]
        parts.append(Input(draw.array(*sizes), moves=True))
    draw.attributes["axis"] = axis - len(shape) if draw.opset >= 11 and draw.chance() else axis
    return parts


def _clip(draw: Draw) -> Inputs:
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


def _conv(draw: Draw) -> Inputs:
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


def _pool(draw: Draw) -> Inputs:
    kernel = (draw.random.randint(1, 4), draw.random.randint(1, 4))
    draw.attributes["kernel_shape"] = list(kernel)
    _padding(draw, kernel, ceil=True)
    return [draw.map()]


def _batch_norm(draw: Draw) -> Inputs:
    shape = draw.shape(2, 5)
    parts = [Input(draw.array(shape[1], low=0.2)) for _ in range(4)]
    return [Input(draw.array(*shape), moves=True), *parts]


def _dropout(draw: Draw) -> Inputs:
    source = Input(draw.array(*draw.shape()), moves=True)
    if draw.opset < 12:
        return [source]
    ratio = Input(np.array(0.4, np.float32)) if draw.chance() else None
    return [source, ratio, Input(np.array(False)) if draw.chance(0.3) else None]


def _gemm(draw: Draw) -> Inputs:
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


def _matmul(draw: Draw) -> Inputs:
    rows, inside, columns = (draw.random.randint(1, 4) for _ in range(3))
    batch = draw.shape(0, 2)
    first = draw.random.choice(((inside,), (rows, inside), (*batch, rows, inside)))
    second = draw.random.choice(((inside,), (inside, columns), (inside, columns), (*batch, inside, columns)))
    return [Input(draw.array(*first), moves=True), Input(draw.array(*second), moves=True)]


def _pad(draw: Draw) -> Inputs:
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
    return [source, _integers(*picked), value, _integers(*named)]


def _axes(draw: Draw, shape: list[int], axes: list[int], input_since: int) -> Inputs:
    """Return the inputs of an operator that names axes as an attribute or, in newer opsets, as an input."""
    source = Input(draw.array(*shape), moves=True)
    if draw.opset >= input_since:
        return [source, _integers(*axes)] if axes else [source]
    if axes:
        draw.attributes["axes"] = axes
    return [source]


def _signed(draw: Draw, axes: list[int], rank: int) -> list[int]:
    return [axis - rank if draw.opset >= 11 and draw.chance() else axis for axis in axes]


def _reduce(draw: Draw) -> Inputs:
    shape = draw.shape(1, 5)
    axes = draw.random.sample(range(len(shape)), draw.random.randint(0, len(shape)))
    return _axes(draw, shape, _signed(draw, axes, len(shape)), 18)


def _squeeze(draw: Draw) -> Inputs:
    shape = [1 if draw.chance() else size for size in draw.shape(1, 5)]
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    axes = draw.random.sample(ones, draw.random.randint(0, len(ones)))
    return _axes(draw, shape, _signed(draw, axes, len(shape)), 13)


def _unsqueeze(draw: Draw) -> Inputs:
    shape = draw.shape(1, 3)
    rank = len(shape) + draw.random.randint(1, 3)
    axes = draw.random.sample(range(rank), rank - len(shape))
    return _axes(draw, shape, _signed(draw, axes, rank), 13)


def _reshape(draw: Draw) -> Inputs:
    shape = draw.shape(1, 4)
    sizes = list(shape)
    draw.random.shuffle(sizes)
    if draw.chance(0.3):
        sizes = [shape[0], -1]
    elif draw.chance():
        sizes[draw.random.randrange(len(sizes))] = -1
    elif draw.chance():
        sizes = [0 if draw.chance() else size for size in shape]
    return [Input(draw.array(*shape), moves=True), _integers(*sizes)]


def _transpose(draw: Draw) -> Inputs:
    shape = draw.shape(1, 5)
    if draw.chance(0.8):
        draw.attributes["perm"] = draw.random.sample(range(len(shape)), len(shape))
    return [Input(draw.array(*shape), moves=True)]


def _slice(draw: Draw) -> Inputs:
    shape = [size + 2 for size in draw.shape(1, 4)]
    axes = draw.random.sample(range(len(shape)), draw.random.randint(1, len(shape)))
    places = [[draw.random.choice((-(2**62), -9, -3, -1, 0, 1, 2, 4, 2**62)) for _ in axes] for _ in range(2)]
    source = Input(draw.array(*shape), moves=True)
    if draw.opset < 10:
        draw.attributes.update(starts=places[0], ends=places[1], axes=axes)
        return [source]
    named = _signed(draw, axes, len(shape))
    steps = [draw.random.choice((-3, -1, 1, 2)) for _ in axes]
    return [source, *(_integers(*numbers) for numbers in (*places, named, steps))]


def _split(draw: Draw) -> Inputs:
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
    return [source, _integers(*sizes) if sizes else None]


def _resize(draw: Draw) -> Inputs:
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
            return [source, None, None, _integers(*sizes[2:])]
        return [source, *_no_scales(draw), _integers(*sizes)]
    if draw.opset >= 18 and draw.chance(0.3):
        draw.attributes["axes"] = random.choice(([2, 3], [3, 2], [-2, -1], [3]))
        return [source, None, Input(scales[2 : 2 + len(draw.attributes["axes"])])]
    roi = Input(np.zeros(0, np.float32)) if draw.opset < 13 or draw.chance() else None
    return [source, roi, Input(scales)]


def _no_scales(draw: Draw) -> Inputs:
    """Return the inputs roi and scales of a Resize that has sizes; opset 11 wants empty tensors."""
    empty = Input(np.zeros(0, np.float32))
    return [empty, empty] if draw.opset < 13 else [None, None]


def _upsample(draw: Draw) -> Inputs:
    scales = [1.0, 1.0, *draw.random.choice(((2.0, 2.0), (3.0, 2.0), (1.0, 4.0), (1.5, 2.5)))]
    if draw.opset < 9:
        draw.attributes["scales"] = scales
        return [draw.map()]
    return [draw.map(), Input(np.array(scales, np.float32))]


_ALPHA = {"alpha": Setting((0.0, 0.3, 1.7))}
_WINDOWS = {"dilations": Setting((None, None, [1, 1], [2, 1], [2, 2]), since=10)}
_CENTRES = ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize")

TABLE: dict[str, Drawn] = {
    **{name: Drawn(_binary) for name in ("Add", "Div", "Mul", "Sub")},
    **{name: Drawn(_unary) for name in ("Exp", "Identity", "Relu", "Sigmoid", "Tanh")},
    "AveragePool": Drawn(
        _pool,
        {"count_include_pad": Setting((0, 1)), "dilations": Setting((None, [1, 1], [2, 2]), since=19)},
    ),
    "BatchNormalization": Drawn(
        _batch_norm,
        {
            "epsilon": Setting((1e-3, 0.1)),
            "momentum": Setting((0.5,)),
            "spatial": Setting((0, 1), until=8),
            "training_mode": Setting((0, 0, 1), since=14),
        },
    ),
    "Clip": Drawn(_clip),
    "Concat": Drawn(_concat),
    "Conv": Drawn(_conv),
    "Dropout": Drawn(_dropout, {"ratio": Setting((0.3,), until=11), "seed": Setting((3,), since=12)}),
    "Elu": Drawn(_unary, _ALPHA),
    "Flatten": Drawn(_flatten),
    "Gemm": Drawn(
        _gemm,
        {
            "alpha": Setting((0.5, 1.0)),
            "beta": Setting((0.3, 1.0)),
            "transA": Setting((0, 0, 1)),
            "transB": Setting((0, 1)),
        },
    ),
    "GlobalAveragePool": Drawn(lambda draw: [Input(draw.array(*draw.shape(3, 5)), moves=True)]),
    "HardSigmoid": Drawn(_unary, {"alpha": Setting((0.1, 1 / 6)), "beta": Setting((0.4, 0.5))}),
    "HardSwish": Drawn(_unary, since=14),
    "LeakyRelu": Drawn(_unary, _ALPHA),
    "LogSoftmax": Drawn(_along_axis),
    "MatMul": Drawn(_matmul),
    "MaxPool": Drawn(_pool, {**_WINDOWS, "storage_order": Setting((0, 1), since=8)}),
    "Pad": Drawn(_pad, {"mode": Setting(("constant", "constant", "reflect", "edge"))}),
    "ReduceMean": Drawn(
        _reduce, {"keepdims": Setting((0, 1)), "noop_with_empty_axes": Setting((0, 1), since=18)}
    ),
    "Reshape": Drawn(_reshape, {"allowzero": Setting((0, 1), since=14)}),
    "Resize": Drawn(
        _resize,
        {
            "mode": Setting(("nearest", "linear", "cubic")),
            "coordinate_transformation_mode": Setting(_CENTRES, since=11),
            "nearest_mode": Setting(("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"), since=11),
            "cubic_coeff_a": Setting((-0.5, -0.75), since=11),
            "exclude_outside": Setting((0, 0, 1), since=11),
            "extrapolation_value": Setting((1.5,), since=11),
            "antialias": Setting((0, 1), since=18),
            "keep_aspect_ratio_policy": Setting(("stretch", "stretch", "not_larger"), since=18),
        },
        since=10,
    ),
    "Slice": Drawn(_slice),
    "Softmax": Drawn(_along_axis),
    "Split": Drawn(_split),
    "Squeeze": Drawn(_squeeze),
    "Transpose": Drawn(_transpose),
    "Unsqueeze": Drawn(_unsqueeze),
    "Upsample": Drawn(_upsample, {"mode": Setting(("nearest", "linear"))}, until=9),
}
"""Every operator of ONNX's own that the importer claims."""
