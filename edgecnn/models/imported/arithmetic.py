"""Arithmetic, comparisons and logic on the values of tensors, one by one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgecnn.models.imported.layers import TYPES, Function
from edgecnn.models.imported.settings import flag, number, numbers, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode

_CASTS = {1: "float32", 6: "int32", 7: "int64", 9: "bool"}
"""The types of tensors that a network may hold, by their numbers in ONNX."""


def simple(function: Callable[..., Tensor]) -> Callable[[ImportedNode], nn.Module]:
    """Return the maker of an operation without settings."""
    return lambda _: Function(function)


def of_many(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[ImportedNode], nn.Module]:
    """Return the maker of an operation that takes any number of tensors, two by two."""
    return lambda _: Function(lambda *values: functools.reduce(function, values))


def mean_of_many(node: ImportedNode) -> nn.Module:
    """Return the module of a Mean node."""
    count = len(node.inputs)
    return Function(lambda *values: functools.reduce(torch.add, values) / count)


def power(node: ImportedNode) -> nn.Module:
    """Return the module of a Pow node; one exponent for all values is its setting ``exponent``."""
    found = numbers(node, "exponent")
    if not found:
        return Function(torch.pow)
    (exponent,) = found
    return Function(lambda value: torch.pow(value, exponent))


def modulo(node: ImportedNode) -> nn.Module:
    """Return the module of a Mod node: with fmod the remainder has the sign of the dividend."""
    return Function(torch.fmod if flag(node, "fmod") else torch.remainder)


def infinite(node: ImportedNode) -> nn.Module:
    """Return the module of an IsInf node."""
    below = flag(node, "detect_negative", default=True)
    above = flag(node, "detect_positive", default=True)

    def found(value: Tensor) -> Tensor:
        signed = (value < 0) if below and not above else (value > 0)
        return torch.isinf(value) if below and above else torch.isinf(value) & signed & (below or above)

    return Function(found)


def cast(node: ImportedNode) -> nn.Module:
    """Return the module of a Cast node.

    Raises:
        InputError: It makes a type that a network does not hold.
    """
    kind = int(number(node, "to", 1))
    if kind not in _CASTS:
        raise unsupported(node, f"it makes numbers of the type {kind} of ONNX, which a network does not hold")
    made = TYPES[_CASTS[kind]]
    return Function(lambda value: value.to(made))


def cast_like(_: ImportedNode) -> nn.Module:
    """Return the module of a CastLike node."""
    return Function(lambda value, other: value.to(other.dtype))
