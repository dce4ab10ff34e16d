"""The files that an artifact was made from, if the store still has them."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from edgecnn.backends.formats import model_file
from edgecnn.core.config.paths import store_dir
from edgecnn.core.errors import DamagedEntry, InputError
from edgecnn.core.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.documents.source import StoreEntry
    from edgecnn.core.store.manifest import Artifact

_KEY = re.compile(r"[0-9a-f]{64}")


def float_file(artifact: Artifact) -> Path:
    """Return the float file that an artifact was quantized from.

    Raises:
        InputError: The manifest does not name the file, or the store no longer has it.
    """
    if artifact.manifest.source.float_file is None:
        raise InputError(
            f"{artifact.directory} does not say which float file it was quantized from",
            hint="give it with --float, or export again",
        )
    outputs = stored(artifact.manifest.source.float_file)
    if outputs is None:
        raise InputError(
            f"the store no longer has the float file that {artifact.directory} was quantized from",
            hint="give it with --float, or export again, which makes it again",
        )
    return model_file(outputs, artifact.manifest.target.format)


def stored(origin: StoreEntry | None) -> Path | None:
    """Return the directory of an artifact's origin; None if the store no longer has it."""
    # The key is a folder name from a manifest, which is not trusted.
    if origin is None or not _KEY.fullmatch(origin.key):
        return None
    entry = Store(store_dir()).get(origin.key)
    if entry is None or entry.digest != origin.digest:
        return None
    with contextlib.suppress(DamagedEntry):
        entry.check()
        return entry.outputs
    return None
