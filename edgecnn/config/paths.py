"""Where edgecnn keeps and finds things: the cache, the store, built-in and user-written YAML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

import edgecnn

Kind = Literal["pipelines", "targets"]


def home() -> Path:
    """Return the folder of everything edgecnn caches: ``$EDGECNN_HOME``, or the user's cache folder."""
    chosen = os.environ.get("EDGECNN_HOME")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("edgecnn"))


def cache_dir() -> Path:
    """Return the folder of downloads: weights and datasets."""
    return home() / "downloads"


def store_dir() -> Path:
    """Return the folder of the content-addressed store."""
    return home() / "store"


def builtin_dir(kind: Kind) -> Path:
    """Return the folder of the built-in pipelines or targets, in a wheel or in a source tree."""
    package = Path(edgecnn.__file__).parent
    packaged = package / "_builtin" / kind
    return packaged if packaged.is_dir() else package.parent / kind


def search_path(kind: Kind) -> list[Path]:
    """Return the folders in which names of ``kind`` are looked up: the user's own first."""
    own = Path.cwd() / kind
    builtin = builtin_dir(kind)
    return [own, builtin] if own.is_dir() and own.resolve() != builtin.resolve() else [builtin]


def available(kind: Kind) -> dict[str, Path]:
    """Return every pipeline or target by name, the user's own hiding built-in ones of the same name."""
    found: dict[str, Path] = {}
    for folder in search_path(kind):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found
