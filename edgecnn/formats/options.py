"""What a target may ask of a quantizer under ``quantize:``."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from edgecnn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def check_known(options: Mapping[str, Any], known: Collection[str], target: str) -> None:
    """Refuse an option that the quantizer does not have.

    Args:
        options: The target's options.
        known: Names that the quantizer takes.
        target: What quantizes to what, for the message, such as ``tflite int8``.

    Raises:
        UsageError: Names the option and the nearest known one.
    """
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known) or 'none'}"
            raise UsageError(f"{target} has no option {name!r} under quantize", hint=hint)


def switch_option(options: Mapping[str, Any], name: str) -> bool:
    """Return an option that is on or off; off where it is not given.

    Raises:
        UsageError: It is neither true nor false.
    """
    value = options.get(name, False)
    if not isinstance(value, bool):
        raise UsageError(f"quantize.{name} is {value!r}, neither true nor false")
    return value


def extremes_option(options: Mapping[str, Any]) -> float | None:
    """Return option ``extremes``: how far ranges reach from average to extreme values; None chooses.

    Raises:
        UsageError: It is neither ``auto`` nor a number within 0..1.
    """
    value = options.get("extremes", "auto")
    if value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        raise UsageError(f"quantize.extremes is {value!r}, neither auto nor a number within 0..1")
    return float(value)
