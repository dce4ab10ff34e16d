"""Operators that reduce axes, accumulate along them, or look for the largest values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from edgecnn.models.imported.layers import Function
from edgecnn.models.imported.settings import flag, integers, number, unsupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.graph import ImportedNode

    Reduce = Callable[[Tensor, list[int], bool], Tensor]


def reduction(
    function: Reduce, of_nothing: Callable[[Tensor], Tensor] = lambda value: value
) -> Callable[[ImportedNode], nn.Module]:
    """Return the maker of a reduction over ``axes``.

    Args:
        function: Reduces a tensor over some axes and keeps them with size 1 if it is told so.
        of_nothing: Computes the same over no axis at all.
    """

    def make(node: ImportedNode) -> nn.Module:
        axes, keep = integers(node, "axes"), flag(node, "keepdims", default=True)
        if axes:
            return Function(lambda value: function(value, axes, keep))
        if flag(node, "noop_with_empty_axes"):
            return Function(of_nothing)
        raise unsupported(node, "it names no axes")

    return make


def mean(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return means."""
    return value.mean(axes, keepdim=keep)


def total(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return sums, of the type of what is added."""
    return value.sum(axes, keepdim=keep, dtype=value.dtype)


def largest(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return maxima."""
    return value.amax(axes, keepdim=keep)


def smallest(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return minima."""
    return value.amin(axes, keepdim=keep)


def product(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return products."""
    for axis in sorted((axis % value.ndim for axis in axes), reverse=True):
        value = value.prod(axis, keepdim=keep, dtype=value.dtype)
    return value


def norm_1(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return sums of absolute values."""
    return total(value.abs(), axes, keep)


def norm_2(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return the roots of sums of squares."""
    return torch.sqrt((value * value).sum(axes, keepdim=keep))


def log_sum(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return logarithms of sums."""
    return torch.log(value.sum(axes, keepdim=keep))


def log_sum_exp(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return logarithms of sums of exponentials."""
    return torch.logsumexp(value, axes, keepdim=keep)


def sum_square(value: Tensor, axes: list[int], keep: bool) -> Tensor:
    """Return sums of squares."""
    return total(value * value, axes, keep)


def place_of(function: Callable[..., Tensor]) -> Callable[[ImportedNode], nn.Module]:
    """Return the maker of ArgMax or ArgMin: the place of the first, or last, such value along ``axis``."""

    def make(node: ImportedNode) -> nn.Module:
        axis, keep = int(number(node, "axis", 0)), flag(node, "keepdims", default=True)
        if not flag(node, "select_last_index"):
            return Function(lambda value: function(value, axis, keepdim=keep))
        return Function(lambda value: value.shape[axis] - 1 - function(value.flip(axis), axis, keepdim=keep))

    return make


def top(node: ImportedNode) -> nn.Module:
    """Return the module of a TopK node: values in order, equal ones in that of their places, and the places.

    Raises:
        InputError: The order of its values is not defined, or it does not say how many it returns.
    """
    counts, axis = integers(node, "k"), int(number(node, "axis", -1))
    if not flag(node, "sorted", default=True):
        raise unsupported(node, "sorted is 0, so the order of its values is not defined")
    if len(counts) != 1 or counts[0] < 0:
        raise unsupported(node, f"k is {counts}")
    largest_first = flag(node, "largest", default=True)

    def found(value: Tensor) -> tuple[Tensor, Tensor]:
        if counts[0] > value.shape[axis]:
            raise IndexError(f"{node.name} returns {counts[0]} of {value.shape[axis]} values")
        values, places = torch.sort(value, stable=True, dim=axis, descending=largest_first)
        return values.narrow(axis, 0, counts[0]), places.narrow(axis, 0, counts[0])

    return Function(found)


def accumulated(node: ImportedNode) -> nn.Module:
    """Return the module of a CumSum node.

    Raises:
        InputError: It names no axis.
    """
    axes, backwards = integers(node, "axis"), flag(node, "reverse")
    if len(axes) != 1:
        raise unsupported(node, f"its axis is {axes}")
    without_own, axis = flag(node, "exclusive"), axes[0]

    def sums(value: Tensor) -> Tensor:
        ordered = value.flip(axis) if backwards else value
        if without_own:
            first = torch.zeros_like(ordered.narrow(axis, 0, 1))
            ordered = torch.cat([first, ordered.narrow(axis, 0, value.shape[axis] - 1)], dim=axis)
        found = ordered.cumsum(axis, dtype=value.dtype)
        return found.flip(axis) if backwards else found

    return Function(sums)
