"""Access to a format by its name: its class and its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends import registry
from edgecnn.backends.format import Format
from edgecnn.backends.worker.runtimes import complete
from edgecnn.core.errors import InputError, MissingDependency

if TYPE_CHECKING:
    from pathlib import Path


def load_format(name: str) -> Format:
    """Import a format's class, which is light, and create one; vendor libraries are imported on use.

    Raises:
        ImportError: A package that the class needs is not installed.
        UsageError: There is no format of that name, or another package's class is incomplete.
    """
    record = registry.find_format(name)
    kind = registry.load(record.load, record.origin)
    what = f"format {name} of {record.origin}"
    return complete(kind, Format, what)()  # type: ignore[type-abstract]


def model_file(directory: Path, name: str) -> Path:
    """Return the model file in a directory with a model of format ``name``."""
    return directory / f"model{registry.find_format(name).suffix}"


def format_of(model: Path) -> str:
    """Return the format of a model file, by its suffix.

    Raises:
        InputError: No format has this suffix.

    >>> from pathlib import Path
    >>> format_of(Path("runs/quickstart/model.tflite"))
    'tflite'
    """
    suffixes = {record.suffix: name for name, record in registry.formats().items()}
    try:
        return suffixes[model.suffix.lower()]
    except KeyError:
        known = ", ".join(suffixes)
        raise InputError(f"{model} is not a model file: its name ends in none of {known}") from None


def companions(model: Path) -> list[Path]:
    """Return the existing files that belong to a model file, such as OpenVINO's weights."""
    for record in registry.formats().values():
        if record.suffix == model.suffix.lower():
            return [file for suffix in record.companions if (file := model.with_suffix(suffix)).is_file()]
    return []


def missing(name: str, error: ImportError) -> MissingDependency:
    """Return the error that names a format's missing package and how to install it."""
    hint = registry.find_format(name).install
    return MissingDependency(f"format {name} needs a package: {error}", hint=hint)
