"""Creation of a compiler by its name, with a target's options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.backends import registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.backends.compiler import Compiler


def make_compiler(name: str, options: Mapping[str, Any]) -> Compiler:
    """Return a compiler with a target's options.

    Raises:
        UsageError: There is no compiler of that name.
    """
    record = registry.find_compiler(name)
    made: Compiler = registry.load(record.load, record.origin)(**options)
    return made
