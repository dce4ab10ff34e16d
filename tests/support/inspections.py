"""What formats add to an inspection, with the types that tests need."""

from __future__ import annotations

from pydantic import TypeAdapter

from edgecnn.core.documents.inspection import Inspection

_COUNTS = TypeAdapter(dict[str, int])


def counts(seen: Inspection, detail: str) -> dict[str, int]:
    """Return a detail of an inspection that counts by name, such as ``file_ops`` or ``weight_types``."""
    return _COUNTS.validate_python(seen.details[detail])
