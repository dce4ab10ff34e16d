"""The content of a network's files and code as one digest, for plans and after the files were read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.core.store.digest import digest_file, digest_json
from edgecnn.models.registry import find_source
from edgecnn.models.spec_file import PICKLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue


def network_content(
    reference: str, arguments: Mapping[str, JsonValue], *, pretrained: bool, weights: str | None
) -> str:
    """Return a digest of a network's origin besides name and arguments.

    Args:
        reference: The user's name for the network.
        arguments: Keyword arguments of the builder, on which the user's own code may depend.
        pretrained: Whether the published weights are loaded.
        weights: A file of weights, or None.

    Raises:
        InputError: A file that is named is missing, or names code that the user has not named.
        UsageError: There is no such network, or the module of a ``python:`` name cannot be imported.
    """
    parts: dict[str, str] = {}
    if weights is not None:
        file = Path(weights).expanduser()
        if not is_file(file):
            raise InputError(
                f"there is no weights file {file}", hint=f"known: .safetensors, {', '.join(PICKLES)}"
            )
        parts["weights"] = digest_file(file)
    source = find_source(reference)
    parts |= source.content(reference, pretrained=pretrained)
    return digest_json(parts | source.code(reference, arguments))
