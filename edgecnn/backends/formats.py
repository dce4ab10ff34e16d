"""The table of formats: a new one is one line here and one folder beside this file."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, MissingDependency, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.format import Format


@dataclass(frozen=True)
class Entry:
    """Where a format's class is, and what its files are called.

    Attributes:
        location: ``"module:Class"``, imported on use.
        suffix: Of the model file, with the dot.
        install: Command that installs what the format needs.
    """

    location: str
    suffix: str
    install: str


FORMATS: dict[str, Entry] = {
    "onnx": Entry("edgecnn.backends.onnx.format:OnnxFormat", ".onnx", 'pip install "edgecnn[onnx]"'),
    "tflite": Entry(
        "edgecnn.backends.tflite.format:TfliteFormat", ".tflite", 'pip install "edgecnn[tflite]"'
    ),
    "openvino": Entry(
        "edgecnn.backends.openvino.format:OpenvinoFormat", ".xml", 'pip install "edgecnn[openvino]"'
    ),
}


def entry_of(name: str) -> Entry:
    """Return a format's entry.

    Raises:
        UsageError: There is no format of that name.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise UsageError(f"no format is called {name!r}; there are {', '.join(FORMATS)}") from None


def load_format(name: str) -> Format:
    """Import a format's class, which is light, and make one; vendor libraries load on use.

    Raises:
        UsageError: There is no format of that name.
    """
    module, _, attribute = entry_of(name).location.partition(":")
    made: Format = getattr(importlib.import_module(module), attribute)()
    return made


def model_file(directory: Path, name: str) -> Path:
    """Return the model file of a directory that holds a model of format ``name``."""
    return directory / f"model{entry_of(name).suffix}"


def format_of(model: Path) -> str:
    """Return the format of a model file, told by its suffix.

    Raises:
        InputError: No format has this suffix.

    >>> from pathlib import Path
    >>> format_of(Path("runs/quickstart/model.tflite"))
    'tflite'
    """
    for name, entry in FORMATS.items():
        if model.suffix.lower() == entry.suffix:
            return name
    known = ", ".join(entry.suffix for entry in FORMATS.values())
    raise InputError(f"{model} is not a model file: its name ends in none of {known}")


def missing(name: str, error: ImportError) -> MissingDependency:
    """Return the error that says which package a format lacks, and how to install it."""
    return MissingDependency(f"format {name} needs a package: {error}", hint=entry_of(name).install)
