"""The ONNX format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.backends.format import Format

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.dissection import Dissection
    from edgecnn.backends.format import QuantizeRequest, StoredWeight
    from edgecnn.core.documents.inspection import Inspection


class OnnxFormat(Format):
    """ONNX for ONNX Runtime: batch 1, NCHW, float input and output; int8 by quantize/dequantize pairs."""

    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to ``out/model.onnx``."""
        from edgecnn.backends.onnx.lower import lower

        return lower(checkpoint, out / "model.onnx")

    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> dict[str, Any]:
        """Write ``out/model.onnx`` in int8; ONNX Runtime's CPU kernels do not support float16."""
        from edgecnn.backends.onnx.quantize import quantize

        return quantize(model, out / "model.onnx", request)

    def inspect(self, model: Path) -> Inspection:
        """Inspect the file and the operations that ONNX Runtime makes of it."""
        from edgecnn.backends.onnx.inspect import inspect

        return inspect(model)

    def weights(self, model: Path) -> list[StoredWeight]:
        """Return the file's stored weights."""
        from edgecnn.backends.onnx.constants import stored_weights

        return stored_weights(model)

    def dissect(self, model: Path, float_model: Path) -> Dissection:
        """Open an int8 file with its float original."""
        from edgecnn.backends.onnx.dissect import OnnxDissection

        return OnnxDissection(model, float_model)
