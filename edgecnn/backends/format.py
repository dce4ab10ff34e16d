"""The interface of a model format, and its data.

The functions of a format import vendor libraries, so they run in a child process
(:func:`edgecnn.core.process.call`), which exchanges JSON and files with its parent.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from edgecnn.backends.dissection import Dissection
    from edgecnn.core.documents.inspection import Inspection
    from edgecnn.core.documents.quantization import QuantizationNotes


@dataclass(frozen=True)
class StoredWeight:
    """A constant tensor that a file stores.

    Attributes:
        name: Its name in the file.
        type: Element type.
        shape: Its shape.
        bytes: Bytes of its values.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    bytes: int


@arguments
class QuantizeRequest:
    """A request to quantize a float file.

    Attributes:
        precision: ``fp16`` or ``int8``.
        calibration: Directory of a prepared set; needed for int8.
        isa: Instruction set of the target, such as ``x86-64-avx2``; decides the scheme.
        options: The target's quantization options, checked by the format.
        network: Checkpoint of the file, with the results of an accuracy recovery beside it; only needed if a
            layer is named or weights are on a grid.
    """

    precision: str
    calibration: Path | None
    isa: str
    options: dict[str, Any] = field(default_factory=dict)
    network: Path | None = None


class Format(ABC):
    """A model format: conversion of checkpoints to files, and reading of these files."""

    @abstractmethod
    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to a float32 file in directory ``out``; return the file."""

    @abstractmethod
    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> QuantizationNotes:
        """Write ``out/model.<suffix>`` from the float file ``model``; return notes for the manifest."""

    def reference(self, model: Path, out: Path) -> Path:
        """Return the file for the runtime's reference execution, by default ``model`` itself.

        Args:
            model: The target's file.
            out: Directory for another file.
        """
        del out
        return model

    @abstractmethod
    def inspect(self, model: Path) -> Inspection:
        """Read precision, operations, inputs and outputs back from a file."""

    @abstractmethod
    def weights(self, model: Path) -> list[StoredWeight]:
        """Return the constants that a file stores, in their order."""

    def dissect(self, model: Path, float_model: Path) -> Dissection:
        """Open an int8 file beside the float file that it was quantized from.

        Raises:
            InputError: The layers of the format's files cannot be executed one by one.
        """
        del float_model
        raise InputError(f"the layers of {model} cannot be executed one by one in this format")


class FolderFormat(Format):
    """A format that executes the functions of the modules beside its class, each imported on use.

    The modules ``lower``, ``quantize``, ``inspect`` and ``dissect`` hold a function of their own name each,
    ``constants`` holds ``stored_weights``.

    Attributes:
        file: Name of its model files.
    """

    file: ClassVar[str]

    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to a float32 file in directory ``out``; return the file."""
        lowered: Path = self._function("lower")(checkpoint, out / self.file)
        return lowered

    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> QuantizationNotes:
        """Write the quantized file to directory ``out``; return notes for the manifest."""
        notes: QuantizationNotes = self._function("quantize")(model, out / self.file, request)
        return notes

    def inspect(self, model: Path) -> Inspection:
        """Read precision, operations, inputs and outputs back from a file."""
        inspection: Inspection = self._function("inspect")(model)
        return inspection

    def weights(self, model: Path) -> list[StoredWeight]:
        """Return the constants that a file stores, in their order."""
        stored: list[StoredWeight] = self._function("constants", "stored_weights")(model)
        return stored

    def dissect(self, model: Path, float_model: Path) -> Dissection:
        """Open an int8 file beside the float file that it was quantized from."""
        dissection: Dissection = self._function("dissect")(model, float_model)
        return dissection

    def _function(self, module: str, name: str = "") -> Any:
        folder = type(self).__module__.rpartition(".")[0]
        return getattr(importlib.import_module(f"{folder}.{module}"), name or module)
