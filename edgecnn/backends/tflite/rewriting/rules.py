"""What replaces a call: operations that give the same values and lower well."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from edgecnn.backends.tflite.rewriting.known import Call, Known

Rule = Callable[[Call], Tensor | None]

SPACE = (2, 3)
"""Dimensions of height and width."""

MAP = 4
"""Number of dimensions of a map."""

_SMALLEST_NORM = 1e-6
_LEAST_SQUARE = 1e-30
_LARGEST_BOUND, _SMALLEST_SHARE = 16.0, 1e-3
"""Beyond such bounds, or near to such small ones, a shifted value would lose digits."""


def _mean(call: Call) -> Tensor | None:
    """Return the mean of each channel as a map of one place, flattened: no transpose."""
    dims, keep = _reduced(call)
    if rows := call.known.get(call.source, "rows"):
        return _vector(call.known, rows[0].mean(SPACE, keepdim=True)) if dims == {2} and not keep else None
    if call.source.ndim != MAP or dims != set(SPACE) or keep or set(call.options) - {"dim", "keepdim"}:
        return None
    return _vector(call.known, call.source.mean(SPACE, keepdim=True))


def _amax(call: Call) -> Tensor | None:
    """Return the largest value of each channel by a max pool over the whole map: it has an integer kernel."""
    dims, keep = _reduced(call)
    if call.source.ndim != MAP or dims != set(SPACE):
        return None
    pooled = functional.max_pool2d(call.source, call.source.shape[2:])
    return pooled if keep else _vector(call.known, pooled)


def _vector(known: Known, place: Tensor) -> Tensor:
    """Return a map of one place as a vector, of which it is known that it is that map."""
    vector = place.flatten(1)
    known.remember(vector, "vector", place)
    return vector


def _reduced(call: Call) -> tuple[set[int], bool]:
    """Return the dimensions that a reduction is over, and whether it keeps them."""
    dims = call.argument("dim", 0)
    listed = () if dims is None else (dims,) if isinstance(dims, int) else dims
    return {int(dim) % call.source.ndim for dim in listed}, bool(call.argument("keepdim", 1, default=False))


def _adaptive_max(call: Call) -> Tensor | None:
    """Return an adaptive max pool as a max pool, where the sizes divide."""
    size = call.argument("output_size", 0)
    if call.argument("return_indices", 1, default=False) or call.source.ndim != MAP:
        return None
    extents = [int(extent) for extent in call.source.shape[2:]]
    wanted = [size, size] if isinstance(size, int) else list(size)
    wanted = [have if want is None else want for want, have in zip(wanted, extents, strict=True)]
    if any(have % want for want, have in zip(wanted, extents, strict=True)):
        return None
    return functional.max_pool2d(
        call.source, [have // want for want, have in zip(wanted, extents, strict=True)]
    )


def _leaky_relu(call: Call) -> Tensor | None:
    """Return ``x + relu((slope - 1) * x)``, whose operations have integer kernels."""
    slope = float(call.argument("negative_slope", 0, default=0.01))
    if slope >= 1.0:
        return None
    return call.source + functional.relu((slope - 1.0) * call.source)


def _elu(call: Call) -> Tensor | None:
    """Return ELU without an exponential, which has no integer kernel."""
    alpha = float(call.argument("alpha", 0, default=1.0))
    return functional.relu(call.source) + alpha * _exponential_below_zero(call.source)


def _celu(call: Call) -> Tensor | None:
    """Return CELU without an exponential."""
    alpha = float(call.argument("alpha", 0, default=1.0))
    if alpha <= 0.0:
        return None
    return functional.relu(call.source) + alpha * _exponential_below_zero(call.source / alpha)


def _selu(call: Call) -> Tensor | None:
    """Return SELU without an exponential."""
    below = _SELU_SCALE * _SELU_ALPHA * _exponential_below_zero(call.source)
    return _SELU_SCALE * functional.relu(call.source) + below


def _exponential_below_zero(x: Tensor) -> Tensor:
    """Return ``exp(min(x, 0)) - 1`` as a quotient of sigmoids: ``exp(y) = sigmoid(y) / sigmoid(-y)``.

    The divisor lies between a half and one, so that the square of its ``rsqrt`` is exact enough in int8.
    """
    negated = functional.relu(-x)
    inverse = torch.rsqrt(torch.sigmoid(negated))
    return torch.sigmoid(-negated) * (inverse * inverse) - 1.0


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _clamp(call: Call) -> Tensor | None:
    """Return a clamp by one between -1 and 1, which TFLite fuses; the quantizer has no minimum."""
    return _clamped(call.source, call.argument("min", 0), call.argument("max", 1))


def _hardtanh(call: Call) -> Tensor | None:
    """Return a clamp that TFLite does not fuse by one that it does."""
    low, high = call.argument("min_val", 0, default=-1.0), call.argument("max_val", 1, default=1.0)
    return None if (low, high) in _FUSED else _clamped(call.source, low, high)


def _clamped(x: Tensor, low: Any, high: Any) -> Tensor | None:
    """Return values between bounds; None where a bound is a tensor, or so far away that digits were lost."""
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        return None
    low, high = (None if low == -math.inf else low), (None if high == math.inf else high)
    if any(bound is not None and not abs(bound) <= _LARGEST_BOUND for bound in (low, high)):
        return None
    if low is None or high is None:
        return _clamp_side(x, low, high)
    if (low, high) in _FUSED:
        return functional.hardtanh(x, float(low), float(high))
    middle, half = (high + low) / 2.0, (high - low) / 2.0
    if half <= 0.0 or any(0.0 < abs(bound) < _SMALLEST_SHARE * half for bound in (low, high)):
        return None
    clamped: Tensor = middle + half * functional.hardtanh((x - middle) / half)
    return clamped


def _clamp_side(x: Tensor, low: float | None, high: float | None) -> Tensor | None:
    """Return a clamp with one bound."""
    if low is not None:
        above: Tensor = low + functional.relu(x - low)
        return above
    if high is not None:
        below: Tensor = high - functional.relu(high - x)
        return below
    return None


_FUSED = ((0, 6), (-1, 1), (0, 1))
"""Bounds of clamps that TFLite fuses into the operation before."""


def _normalize(call: Call) -> Tensor | None:
    """Return ``x * rsqrt(sum(x ** 2))``, whose ranges are those of the values."""
    smallest = float(call.argument("eps", 2, default=1e-12))
    if call.argument("p", 0, default=2.0) != 2.0 or smallest > _SMALLEST_NORM:
        return None
    squared = (call.source * call.source).sum(call.argument("dim", 1, default=1), keepdim=True)
    return call.source * torch.rsqrt(squared + max(smallest**2, _LEAST_SQUARE))


def _multiply(call: Call) -> Tensor | None:
    """Leave the expansion of a factor to the multiplication."""
    if call.options or len(call.rest) != 1 or not isinstance(call.rest[0], Tensor):
        return None
    factors = (call.source, call.rest[0])
    inner = [found[0] if (found := call.known.get(factor, "expanded")) else factor for factor in factors]
    if all(new is old for new, old in zip(inner, factors, strict=True)):
        return None
    product = torch.mul(*inner)
    return product if product.shape == call.source.shape else None


def _linear(call: Call) -> Tensor | None:
    """Permute a layer's weights instead of the flattened map that it reads."""
    flat = call.known.get(call.source, "flat")
    if flat is None:
        return None
    weight: Tensor = call.argument("weight", 0)
    grouped = weight.reshape(weight.shape[0], flat[1], -1)
    permuted = grouped.permute(0, 2, 1).reshape(weight.shape[0], -1)
    return functional.linear(flat[0], permuted, call.argument("bias", 1))


def _conv_transpose(call: Call) -> Tensor | None:
    """Return a transposed convolution with output padding as a part of one without any padding."""
    names = ("weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
    given = dict(zip(names, call.rest, strict=False)) | dict(call.options)
    padding, more = _pair(given.get("padding", 0)), _pair(given.get("output_padding", 0))
    if not any(more) or any(extra > cut for extra, cut in zip(more, padding, strict=True)):
        return None
    whole = functional.conv_transpose2d(call.source, **(given | {"padding": 0, "output_padding": 0}))
    (top, left), (height, width) = padding, (int(extent) for extent in whole.shape[2:])
    return whole[:, :, top : height - top + more[0], left : width - left + more[1]]


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _shape(call: Call) -> Tensor | None:
    """Return a vector that becomes a map of one place as the map that it was made of."""
    vector = call.known.get(call.source, "vector")
    if vector is None:
        return None
    result = call.result()
    return vector[0] if result.shape == vector[0].shape else None


RESHAPES = frozenset({"__getitem__", "flatten", "reshape", "squeeze", "unsqueeze", "view"})
"""Functions that give the values of a tensor another shape, or may do so."""

RULES: dict[str, Rule] = {
    "mean": _mean,
    "amax": _amax,
    "adaptive_max_pool2d": _adaptive_max,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "celu": _celu,
    "selu": _selu,
    "clamp": _clamp,
    "clip": _clamp,
    "hardtanh": _hardtanh,
    "normalize": _normalize,
    "mul": _multiply,
    "__mul__": _multiply,
    "linear": _linear,
    "conv_transpose2d": _conv_transpose,
    **dict.fromkeys(RESHAPES, _shape),
}
"""What replaces a function, by its name; a rule that does not apply gives None."""
