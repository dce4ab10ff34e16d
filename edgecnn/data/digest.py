"""One digest of many values: what a set of images consists of."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def combine(header: object, parts: Iterable[tuple[object, ...]]) -> str:
    """Hash JSON values and rows of JSON values into one SHA-256, unambiguously.

    >>> combine(["a"], [("b", 1)]) == combine(["a"], [("b1",)])
    False
    """
    digest = hashlib.sha256()
    for value in (header, *parts):
        digest.update(json.dumps(value, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()
