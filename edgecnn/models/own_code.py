"""The user's code that a network is made of: every file of his that it needs, and the packages' versions.

A network of a ``python:`` reference depends on more than the file that the reference names: on all modules of
the user's that are imported from there, on data files that they read, and on packages. A child process builds
and runs the network. What was loaded by then is found in ``sys.modules``, what may be loaded later by the
import statements of these files, data files by the interpreter's audit events, and environment variables as
:mod:`edgecnn.models.variables` says. Unknown stay modules that
only a later call imports by a name that stands in no import statement, data files that lie neither in the
folder of a module of the user's nor below it, and files that compiled code opens.
"""

from __future__ import annotations

import ast
import os
import site
import sys
import sysconfig
from functools import cache
from importlib import metadata
from importlib.util import resolve_name, source_from_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest import digest_file
from edgecnn.models.spec import OwnCode
from edgecnn.models.variables import VariableWatch

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

_OURS = "edgecnn"

_seen: dict[str, str] = {}
"""Digests of the user's files when this process first built a network of them."""

_watches: list[CodeWatch] = []
"""The objects that are told of every file that this process opens; an audit hook cannot be removed."""


class CodeWatch:
    """The modules that are loaded, and the files and variables that are read, after this object was made."""

    def __init__(self) -> None:
        import torch  # noqa: F401  what edgecnn itself loads is not the user's choice

        self._before = set(sys.modules)
        self._read: set[Path] = set()
        self._written: set[Path] = set()
        if not _watches:
            sys.addaudithook(_audit)
        _watches[:] = [self]
        self._variables = VariableWatch(_is_users)

    def opened(self, path: Path, *, written: bool) -> None:
        """Remember a file that was opened."""
        (self._written if written else self._read).add(path)

    def found(self, reference: str, given: Collection[Path] = ()) -> OwnCode:
        """Return the code and the data that a ``python:`` reference has used or may import.

        Args:
            reference: The reference.
            given: Files that edgecnn itself has read, such as one of weights.
        """
        named = reference.partition(":")[2].partition(":")[0].partition(".")[0]
        owners = metadata.packages_distributions()
        files: dict[str, Path] = {}
        packages = {named}
        waiting = sorted(sys.modules.keys() - self._before)
        while waiting:
            name = waiting.pop()
            top, file = name.partition(".")[0], _find(name)
            if name in files or file is None or top == _OURS or _is_standard(file):
                continue
            if top != named and is_installed(file) and top in owners:
                packages.add(top)
                continue
            files[name] = file
            waiting += _imports(name, file)
        distributions = {one for top in packages for one in owners.get(top, ())}
        own, others = self._variables.found(named)
        return OwnCode(
            modules={name: digest_file(file) for name, file in sorted(files.items())},
            packages={name: metadata.version(name) for name in sorted(distributions)},
            files=self._data(files, named, given),
            variables=own,
            library_variables=others,
        )

    def _data(self, modules: dict[str, Path], named: str, given: Collection[Path]) -> dict[str, str]:
        """Return the digests of the data files that were read beside the user's modules."""
        known = {file.resolve() for file in (*modules.values(), *given)}
        first = sorted(modules, key=lambda name: (name.partition(".")[0] != named, name))
        folders = {modules[name].resolve().parent: name for name in reversed(first)}
        found = {}
        for path in {_source(path).resolve() for path in self._read - self._written} - known:
            near = next((folder for folder in path.parents if folder in folders), None)
            if near is None or is_installed(path):  # also one that is no longer there
                continue
            inside = path.relative_to(near)
            if not any(part.startswith(".") for part in inside.parts) and os.access(path, os.R_OK):
                found[f"{folders[near]}:{inside.as_posix()}"] = digest_file(path)
        return dict(sorted(found.items()))


def _source(path: Path) -> Path:
    """Return the source of a file of bytecode, and any other file itself."""
    try:
        return Path(source_from_cache(path))
    except ValueError:
        return path


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Tell the watch of every file that Python opens."""
    if event != "open" or not isinstance(arguments[0], str | bytes):
        return
    _, mode, flags = arguments
    written = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & _WRITING)
    for watch in _watches:
        watch.opened(Path(os.fsdecode(arguments[0])).absolute(), written=written)


_WRITING = os.O_WRONLY | os.O_RDWR


def require_unchanged(code: OwnCode, checkpoint: Path) -> None:
    """Refuse a checkpoint whose code or data is not what it was when the checkpoint was made.

    Call it after the network was built.

    Raises:
        InputError: A module or a data file has changed since then, or since this process loaded it.
    """
    for name, digest in {**code.modules, **code.files}.items():
        module, _, inside = name.partition(":")
        file = _find(module)
        if inside and file is not None:
            file = file.parent / inside
        now = digest_file(file) if file is not None and file.is_file() else ""
        what = f"the file {inside} beside the module {module}" if inside else f"the module {module}"
        if now != digest:
            raise InputError(
                f"{what} has changed since {checkpoint} was made",
                hint="run again, which builds the network anew",
            )
        if _seen.setdefault(name, now) != now:
            raise InputError(
                f"{what} has changed since this process loaded it",
                hint="start Python anew: a loaded module is not loaded again",
            )


def is_installed(file: Path | None) -> bool:
    """Return whether the standard library or an installed package has a file; True if there is no file."""
    return file is None or not file.is_file() or _is_standard(file) or _is_below(file, _package_folders())


@cache
def _is_users(name: str) -> bool:
    """Return whether code is the user's own, by the name of its file, which may lie in an archive."""
    return not is_installed(_existing(name))


def _is_standard(file: Path) -> bool:
    folders = {sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib")}
    return _is_below(file, folders) and not _is_below(file, _package_folders())


def _package_folders() -> set[str]:
    installed = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    return installed | {*site.getsitepackages(), site.getusersitepackages()}


def _is_below(file: Path, folders: Iterable[str]) -> bool:
    return any(file.resolve().is_relative_to(Path(folder).resolve()) for folder in folders)


def _file(module: object) -> Path | None:
    """Return the file of a module, or the archive that holds it; None if it is built in, or only a folder."""
    file = vars(module).get("__file__") if isinstance(module, ModuleType) else None
    return _existing(file) if isinstance(file, str) else None


def _existing(file: str) -> Path | None:
    """Return a file, or the archive that a path leads into."""
    return next((path for path in (Path(file), *Path(file).parents) if path.is_file()), None)


def _find(name: str) -> Path | None:
    """Return the file of a module, which is not imported for this."""
    if name in sys.modules:
        return _file(sys.modules[name])
    path = None
    found = None
    for place in [end for end, letter in enumerate(f"{name}.") if letter == "."]:
        loaded = sys.modules.get(name[:place])
        if loaded is not None and place < len(name):
            path = getattr(loaded, "__path__", None)
        else:
            found = _spec(name[:place], path)
            path = None if found is None else found.submodule_search_locations
        if path is None and place < len(name):
            return None
    return _existing(found.origin) if found is not None and found.has_location and found.origin else None


def _spec(name: str, path: Any) -> Any:
    """Return what the first finder that knows a module says of it; None if none does."""
    for finder in sys.meta_path:
        try:
            found = finder.find_spec(name, path)
        except (ImportError, ValueError, KeyError, AttributeError):  # folders without __init__.py, not loaded
            continue
        if found is not None:
            return found
    return None


def _imports(name: str, file: Path) -> Iterator[str]:
    """Yield the modules that the import statements of a file may name, wherever they stand in it."""
    if file.suffix != ".py":
        return
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, RecursionError):
        return
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            try:
                source = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            yield from _with_parents(source)
            yield from (f"{source}.{alias.name}" for alias in node.names if alias.name != "*")


def _with_parents(name: str) -> Iterator[str]:
    """Yield a module and the packages that are imported before it."""
    parts = name.split(".")
    yield from (".".join(parts[: end + 1]) for end in range(len(parts)))
