"""Locations of the cache, the store, and built-in and user-written YAML."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

import edgecnn

Kind = Literal["pipelines", "targets", "toolchains"]

# A toolchain decides what is installed and executed, so only those that edgecnn ships are used.
_BUILTIN_ONLY = frozenset({"toolchains"})
_FOLDERS = {"pipelines": "pipelines", "targets": "targets", "toolchains": "targets/toolchains"}


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


def toolchains_dir() -> Path:
    """Return the folder of the vendor tools' environments."""
    return home() / "toolchains"


def builtin_dir(kind: Kind) -> Path:
    """Return the folder of the built-in files of a kind, in a wheel or in a source tree."""
    package = Path(edgecnn.__file__).parent
    packaged = package / "_builtin" / _FOLDERS[kind]
    return packaged if packaged.is_dir() else package.parent / _FOLDERS[kind]


def search_path(kind: Kind) -> list[Path]:
    """Return the folders in which names of ``kind`` are looked up, the user's first."""
    builtin = builtin_dir(kind)
    if kind in _BUILTIN_ONLY:
        return [builtin]
    own = Path.cwd() / _FOLDERS[kind]
    return [own, builtin] if own.is_dir() and own.resolve() != builtin.resolve() else [builtin]


def available(kind: Kind) -> dict[str, Path]:
    """Return all files of a kind by name; the user's replace built-in ones of the same name."""
    found: dict[str, Path] = {}
    for folder in search_path(kind):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found
