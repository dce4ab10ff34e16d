"""The calls of a network, intercepted while it is traced.

The converter lowers each PyTorch operation by itself. Some then have no integer kernel, and some need the
layout ``NCHW`` and so a transpose, although the network as a whole needs neither. The same values are
computed by operations that lower well (:mod:`edgecnn.backends.tflite.rewriting.rules`). All weights stay
where they are; the float outputs agree to rounding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from edgecnn.backends.tflite.rewriting.known import Call, Known
from edgecnn.backends.tflite.rewriting.rules import MAP, RESHAPES, RULES

if TYPE_CHECKING:
    from edgecnn.backends.tflite.rewriting.known import Kind

_LARGEST_GAP = 1e-4
"""Largest norm of a difference, as a share of the answers' (80 dB)."""

_ELEMENTWISE = frozenset(
    {"dropout", "gelu", "hardsigmoid", "hardswish", "hardtanh", "relu", "relu6", "sigmoid", "silu", "tanh"}
)
"""Functions of each value by itself, which give the same in any order of the values."""


def rewritten(module: nn.Module, example: Tensor) -> nn.Module:
    """Return a module that computes the same with replaced operations; itself if none is to be replaced.

    The answers for noise are compared. A network for which they differ, such as one with state or with values
    that a rule does not foresee, is left as it is.

    Args:
        module: A network in evaluation mode.
        example: An input, float32 ``[1, C, H, W]``.
    """
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        noises = [torch.randn_like(example), torch.rand_like(example)]
        made = Rewritten(module).eval()
        try:
            with _Rewrites() as rewrites:
                module(example)
            alike = rewrites.count and all(_alike(module(noise), made(noise)) for noise in noises)
        except Exception:  # noqa: BLE001  the network's own code, which runs without the rules
            return module
    return made if alike else module


def _alike(truth: Any, found: Any) -> bool:
    """Return whether two answers are the same but for rounding."""
    wanted, made = (tree_leaves(answer) for answer in (truth, found))
    return len(wanted) == len(made) and all(
        isinstance(one, Tensor) and isinstance(other, Tensor) and _same(one, other)
        for one, other in zip(wanted, made, strict=True)
    )


def _same(truth: Tensor, found: Tensor) -> bool:
    if truth.shape != found.shape or truth.dtype != found.dtype:
        return False
    gap = (truth.double() - found.double()).norm()
    return bool(gap <= _LARGEST_GAP * truth.double().norm())


class Rewritten(nn.Module):
    """A network whose operations are replaced as it runs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: Tensor) -> Any:
        """Return what the network returns."""
        with _Rewrites():
            return self.module(*inputs)


class _Rewrites(TorchFunctionMode):
    """Intercepts calls of PyTorch's functions.

    Every call that is not replaced gives its true result. Where a later call can do without it, it is
    remembered by which other tensor it can be replaced; tracing drops what nothing reads in the end.

    Attributes:
        count: Number of replaced calls.
    """

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._known = Known()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Return the result of a call, computed by its rule or by the function."""
        if not args or not isinstance(args[0], Tensor):
            self._known.forget()  # it may change a tensor that it is given by name
            return func(*args, **(kwargs or {}))
        call = Call(func, args[0], args[1:], kwargs or {}, self._known)
        rule = RULES.get(call.name)
        fits = rule is not None and call.source.is_floating_point() and not call.writes_out
        replaced = rule(call) if fits and rule is not None else None
        if replaced is not None:
            self.count += 1
            return self._replace(call, replaced)
        carried = self._carried(call) if not call.writes_out else None
        result = call.result()
        if call.in_place:
            self._known.forget()
        if carried is not None:
            self._known.remember(result, *carried)
        elif isinstance(result, Tensor):
            self._learn(call, result)
        return result

    def _replace(self, call: Call, result: Tensor) -> Tensor:
        """Return the result of a rule, put where the function puts its own."""
        if not call.in_place:
            return result
        self._known.forget()
        return call.source.copy_(result)

    def _carried(self, call: Call) -> tuple[Kind, Tensor, int] | None:
        """Return what is known of the result of a function of each value, or of a layer over channels."""
        found = self._known.any(call.source)
        if found is None:
            return None
        kind, other, number = found
        if call.name in _ELEMENTWISE and kind in ("flat", "vector"):
            return kind, call.of(other), number
        if call.name == "linear" and kind == "vector" and call.source.ndim == 2:
            weight: Tensor = call.argument("weight", 0)
            return kind, functional.conv2d(other, weight[:, :, None, None], call.argument("bias", 1)), 0
        return found if call.name in ("contiguous", "clone") else None

    def _learn(self, call: Call, result: Tensor) -> None:
        """Remember of a map in another shape which map it is."""
        source = call.source
        if call.name in ("expand", "expand_as") and source.ndim == result.ndim == MAP:
            self._known.remember(result, "expanded", source)
        elif call.name not in RESHAPES or not _same_values(source, result) or _selects(call):
            return
        elif vector := self._known.get(source, "vector"):
            if result.shape[:2] == source.shape[:2]:
                self._known.remember(result, "vector", vector[0])
        elif source.ndim == MAP:
            self._learn_shape(source, result)

    def _learn_shape(self, source: Tensor, result: Tensor) -> None:
        batch, channels, height, width = source.shape
        if result.ndim == 2 and height * width == 1:
            self._known.remember(result, "vector", source)
        elif result.ndim == 2 and channels > 1:
            self._known.remember(result, "flat", source.permute(0, 2, 3, 1).reshape(batch, -1), channels)
        elif result.ndim == 3 and result.shape[1] == channels:
            self._known.remember(result, "rows", source)


def _same_values(source: Tensor, result: Tensor) -> bool:
    """Return whether two tensors have as many values, of as many images."""
    return result.ndim > 0 and source.shape[0] == result.shape[0] and source.numel() == result.numel()


def _selects(call: Call) -> bool:
    """Return whether a call may choose or reinterpret values, beyond another shape."""
    places = call.rest[0] if call.name == "__getitem__" and call.rest else ()
    if call.name == "__getitem__":
        return any(place not in (slice(None), None, ...) for place in _listed(places))
    return any(isinstance(value, torch.dtype) for value in (*call.rest, *call.options.values()))


def _listed(places: Any) -> tuple[Any, ...]:
    return tuple("tensor" if isinstance(place, Tensor) else place for place in _tuple(places))


def _tuple(places: Any) -> tuple[Any, ...]:
    return places if isinstance(places, tuple) else (places,)
