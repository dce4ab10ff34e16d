"""Options of a quantizer in a target's ``quantize`` section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import UsageError
from edgecnn.core.text import did_you_mean
from edgecnn.quantization.estimators import DISTRIBUTION_ESTIMATORS
from edgecnn.quantization.ranges import BLENDS, EVERY_METHOD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from edgecnn.quantization.ranges import Method


def check_known(options: Mapping[str, Any], known: Collection[str], target: str) -> None:
    """Refuse an option that the quantizer does not have.

    Args:
        options: The target's options.
        known: Names of the quantizer's options.
        target: Format and precision for the message, such as ``tflite int8``.

    Raises:
        UsageError: The message names the option, the hint the nearest known one.
    """
    for name in options:
        if name not in known:
            hint = did_you_mean(name, known) or f"known: {', '.join(known) or 'none'}"
            raise UsageError(f"{target} has no option {name!r} under quantize", hint=hint)


def switch_option(options: Mapping[str, Any], name: str) -> bool:
    """Return a boolean option, which is off by default.

    Raises:
        UsageError: Its value is not a boolean.
    """
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise UsageError(f"quantize.{name} is {value!r}, neither true nor false")
    return value


INT8_OPTIONS = ("ranges", "float_layers")
"""Options that every int8 quantizer has."""


def ranges_option(options: Mapping[str, Any]) -> tuple[Method, ...]:
    """Return the option ``ranges``: the methods that are tried to estimate activation ranges.

    ``auto`` tries shares between average and extreme values; ``search`` also tries the distribution's
    estimators. The name of an estimator, ``average``, ``extremes`` or a share is used alone.

    Raises:
        UsageError: The value is none of these.
    """
    value = options.get("ranges", "auto")
    if isinstance(value, str) and value in _RANGES:
        return _RANGES[value]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise UsageError(f"quantize.ranges is {value!r}; use {', '.join(_RANGES)} or a number within 0..1")
    return (float(value),)


_RANGES: dict[str, tuple[Method, ...]] = {
    "auto": BLENDS,
    "search": EVERY_METHOD,
    "average": (0.0,),
    "extremes": (1.0,),
    **{name: (name,) for name in DISTRIBUTION_ESTIMATORS},
}


def needs_samples(methods: Sequence[Method]) -> bool:
    """Return whether one of the methods uses the distribution of the values."""
    return any(isinstance(method, str) for method in methods)
