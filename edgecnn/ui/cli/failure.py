"""Output and exit code of a failed verb."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgecnn.core.errors import EdgecnnError


def fail(error: EdgecnnError, *, as_json: bool) -> int:
    """Print an error: a line and a hint on standard error, or one JSON document on standard output."""
    from edgecnn.ui.cli.console import print_error, print_json

    if as_json:
        print_json(error.to_json())
    print_error(error)
    return error.exit_code
