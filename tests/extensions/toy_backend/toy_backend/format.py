"""The format: what can be done with its files, each imported on use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.format import Format

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.format import QuantizeRequest, StoredWeight
    from edgecnn.core.documents.inspection import Inspection
    from edgecnn.core.documents.quantization import QuantizationNotes


class ToyFormat(Format):
    """A chain of layers; int8 files have int8 weights and quantize the input of each layer with weights."""

    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to ``out/model.toy``."""
        from toy_backend.lower import lower

        return lower(checkpoint, out / "model.toy")

    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> QuantizationNotes:
        """Write ``out/model.toy`` in int8."""
        from toy_backend.quantize import quantize

        return quantize(model, out / "model.toy", request)

    def inspect(self, model: Path) -> Inspection:
        """Read the file."""
        from toy_backend.inspect import inspect

        return inspect(model)

    def weights(self, model: Path) -> list[StoredWeight]:
        """List what the file stores."""
        from toy_backend.inspect import weights

        return weights(model)
