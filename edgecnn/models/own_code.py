"""The user's code that a network is made of: every file of his that is loaded, and the packages' versions.

A network of a ``python:`` reference depends on more than the file that the reference names: on all modules of
the user's that are imported from there, some only when the network is built or run, and on packages. A child
process builds and runs the network and compares the loaded modules before and after. Data files that the code
opens stay unknown.
"""

from __future__ import annotations

import ast
import importlib.util
import site
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest import digest_file
from edgecnn.models.spec import OwnCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_OURS = "edgecnn"

_seen: dict[str, str] = {}
"""Digests of the user's modules when this process first built a network of them."""


class CodeWatch:
    """The modules that are loaded after this object was made."""

    def __init__(self) -> None:
        import torch  # noqa: F401  what edgecnn itself loads is not the user's choice

        self._before = set(sys.modules)

    def found(self, reference: str) -> OwnCode:
        """Return the code that was loaded for a ``python:`` reference."""
        named = reference.partition(":")[2].partition(":")[0].partition(".")[0]
        owners = metadata.packages_distributions()
        modules: dict[str, str] = {}
        packages: set[str] = set()
        for name in sys.modules.keys() - self._before:
            file, top = _file(sys.modules[name]), name.partition(".")[0]
            if file is None or top == _OURS or _is_standard(file):
                continue
            if top == named or not is_installed(file) or top not in owners:
                modules[name] = digest_file(file)
                packages |= {one for one in _imports(file) if _is_foreign(one)}
            else:
                packages.add(top)
        distributions = {one for top in packages for one in owners.get(top, ())}
        return OwnCode(
            modules=dict(sorted(modules.items())),
            packages={name: metadata.version(name) for name in sorted(distributions)},
        )


def require_unchanged(code: OwnCode, checkpoint: Path) -> None:
    """Refuse a checkpoint whose code is not what it was when the checkpoint was made.

    Call it after the network was built.

    Raises:
        InputError: A module has changed since then, or since this process loaded it.
    """
    for name, digest in code.modules.items():
        file = _file(sys.modules[name]) if name in sys.modules else _find(name)
        now = digest_file(file) if file is not None else ""
        if now != digest:
            raise InputError(
                f"the module {name} has changed since {checkpoint} was made",
                hint="run again, which builds the network anew",
            )
        if _seen.setdefault(name, now) != now:
            raise InputError(
                f"the module {name} has changed since this process loaded it",
                hint="start Python anew: a loaded module is not loaded again",
            )


def is_installed(file: Path | None) -> bool:
    """Return whether the standard library or an installed package has a file; True if there is no file."""
    return file is None or not file.is_file() or _is_standard(file) or _is_below(file, _package_folders())


def _is_standard(file: Path) -> bool:
    folders = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib")}
    return _is_below(file, folders) and not _is_below(file, _package_folders())


def _package_folders() -> set[str]:
    installed = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    return installed | {*site.getsitepackages(), site.getusersitepackages()}


def _is_below(file: Path, folders: Iterable[str]) -> bool:
    return any(file.resolve().is_relative_to(Path(folder).resolve()) for folder in folders)


def _file(module: object) -> Path | None:
    """Return the file of a module; None for one that is built in, or only a folder."""
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return Path(file) if isinstance(file, str) and Path(file).is_file() else None


def _find(name: str) -> Path | None:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(found.origin) if found is not None and found.has_location and found.origin else None


def _is_foreign(top: str) -> bool:
    """Return whether a loaded top-level module is of an installed package."""
    file = _file(sys.modules.get(top))
    return file is not None and is_installed(file) and top != _OURS


def _imports(file: Path) -> Iterator[str]:
    """Yield the top-level names that a file imports; they may have been loaded before by edgecnn itself."""
    if file.suffix != ".py":
        return
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
