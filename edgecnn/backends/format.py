"""What every model format can do, and what is read back from its files.

The functions of a format load vendor libraries, so they run in a child process
(:func:`edgecnn.core.process.call`); what crosses the border is JSON and files.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from edgecnn.backends.dissection import Dissection
    from edgecnn.core.documents.inspection import Inspection


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
    """What a format is asked to make of a float file.

    Attributes:
        precision: ``fp16`` or ``int8``.
        calibration: Directory of a prepared set; needed for int8.
        isa: Instruction set the target declares, such as ``x86-64-avx2``; chooses the scheme.
        options: The target's own quantization options, checked by the format.
        network: Checkpoint that the file was lowered from, with what an accuracy recovery left beside it;
            needed only where a layer is named or weights lie on a grid.
    """

    precision: str
    calibration: Path | None
    isa: str
    options: dict[str, Any] = field(default_factory=dict)
    network: Path | None = None


class Format(ABC):
    """A model format: how a checkpoint becomes a file, and what the file says of itself."""

    @abstractmethod
    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to a float32 file in directory ``out``; return the file."""

    @abstractmethod
    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> dict[str, Any]:
        """Write ``out/model.<suffix>`` from the float file ``model``; return notes for the manifest."""

    def reference(self, model: Path, out: Path) -> Path:
        """Return the file that the runtime's reference execution takes: ``model`` itself where it can.

        Args:
            model: The target's file.
            out: Directory to write another file to.
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
