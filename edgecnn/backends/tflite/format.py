"""The TFLite format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.backends.format import Format

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.dissection import Dissection
    from edgecnn.backends.format import QuantizeRequest, StoredWeight
    from edgecnn.core.documents.inspection import Inspection


class TfliteFormat(Format):
    """TFLite for LiteRT: batch 1, NHWC; int8 files are integer throughout, including input and output."""

    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to ``out/model.tflite``."""
        from edgecnn.backends.tflite.lower import lower

        return lower(checkpoint, out / "model.tflite")

    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> dict[str, Any]:
        """Write ``out/model.tflite`` in int8, or with float16 weights."""
        from edgecnn.backends.tflite.quantize import quantize

        return quantize(model, out / "model.tflite", request)

    def inspect(self, model: Path) -> Inspection:
        """Inspect the file."""
        from edgecnn.backends.tflite.inspect import inspect

        return inspect(model)

    def weights(self, model: Path) -> list[StoredWeight]:
        """Return the file's stored weights."""
        from edgecnn.backends.tflite.constants import stored_weights

        return stored_weights(model)

    def dissect(self, model: Path, float_model: Path) -> Dissection:
        """Open an int8 file with its float original."""
        from edgecnn.backends.tflite.dissect import TfliteDissection

        return TfliteDissection(model, float_model)
