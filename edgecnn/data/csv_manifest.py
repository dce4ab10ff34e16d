"""A CSV file that lists images: the columns ``path`` and ``label``, ``classes.txt`` beside it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.csv_rows import csv_rows
from edgecnn.core.errors import InputError, hinting
from edgecnn.core.files import is_file
from edgecnn.data import classes as classes_file
from edgecnn.data.files import FileSource, path_within
from edgecnn.data.labels import UNLABELLED

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1 << 28
"""Largest manifest that is read, in bytes: some millions of rows."""

MAX_CLASSES = 1_000_000
"""Limit on labels if there is no ``classes.txt`` that gives the number of classes."""

_SHOWN = 60
_INTEGER = re.compile(r"-?[0-9]+")
_COLUMNS = frozenset({"path", "label"})
_FORM_HINT = "the first line is: path,label"


def open_csv_manifest(file: Path) -> FileSource:
    """Read a CSV manifest.

    Paths are relative to the CSV file's folder and may not lead out of it, because a manifest may come from
    an untrusted source. A label is an integer from 0, or a class name if ``classes.txt`` gives the names.
    Without the column ``label`` the images have no labels, which is enough for calibration.

    Raises:
        InputError: The file is not such a manifest; the message names the line.
    """
    declared = file.parent / classes_file.FILE_NAME
    classes = classes_file.read_classes(declared) if is_file(declared) else ()
    reader = _RowReader(file, classes, classes_file.class_indices(classes))
    with hinting(_FORM_HINT):
        paths, labels = _read(reader)
    if not paths:
        raise InputError(f"{file} lists no image", hint=_FORM_HINT)
    return FileSource(file.parent, tuple(paths), np.array(labels, np.int64), classes)


@dataclass(frozen=True)
class _RowReader:
    """Checks the cells of one manifest; ``where`` in its methods is ``FILE:LINE``."""

    file: Path
    classes: tuple[str, ...]
    indices: dict[str, int | None]

    def header(self, cells: list[str]) -> list[str]:
        columns = [cell.strip() for cell in cells]
        for column in columns:
            if columns.count(column) > 1:
                raise InputError(f"{self.file}:1: column {column[:_SHOWN]!r} appears twice", hint=_FORM_HINT)
            if column not in _COLUMNS:
                raise InputError(f"{self.file}:1: unknown column {column[:_SHOWN]!r}", hint=_FORM_HINT)
        if "path" not in columns:
            raise InputError(f"{self.file}:1: there is no column 'path'", hint=_FORM_HINT)
        return columns

    def label(self, text: str, where: str) -> int:
        if not _INTEGER.fullmatch(text):
            return self._named(text, where)
        limit = len(self.classes) or MAX_CLASSES
        if len(text) > len(str(limit)) or not 0 <= int(text) < limit:
            raise InputError(
                f"{where}: label {text[:20]} is out of range, it must be 0..{limit - 1}",
                hint=f"labels count from 0, in the order of the lines of {classes_file.FILE_NAME}",
            )
        return int(text)

    def _named(self, text: str, where: str) -> int:
        if not self.classes:
            raise InputError(
                f"{where}: label {text[:_SHOWN]!r} is not an integer",
                hint=f"class names need a {classes_file.FILE_NAME} beside the CSV file",
            )
        label = self.indices.get(text)
        if label is not None:
            return label
        problem, hint = "is not a class", f"add it to {classes_file.FILE_NAME}, or correct the label"
        if text in self.indices:
            problem, hint = "is the name of two classes", "write the number of the class, which counts from 0"
        raise InputError(f"{where}: label {text[:_SHOWN]!r} {problem} of {classes_file.FILE_NAME}", hint=hint)


def _read(reader: _RowReader) -> tuple[list[str], list[int]]:
    """Check every row; return the paths and the labels."""
    columns: list[str] | None = None
    paths: list[str] = []
    labels: list[int] = []
    for line, cells in csv_rows(reader.file, MAX_BYTES):
        if columns is None:
            columns = reader.header(cells)
            continue
        where = f"{reader.file}:{line}"
        if len(cells) != len(columns):
            raise InputError(f"{where}: {len(cells)} values for {len(columns)} columns", hint=_FORM_HINT)
        row = dict(zip(columns, (cell.strip() for cell in cells), strict=True))
        paths.append(path_within(reader.file.parent, row["path"], where))
        labels.append(reader.label(row["label"], where) if "label" in row else UNLABELLED)
    return paths, labels
