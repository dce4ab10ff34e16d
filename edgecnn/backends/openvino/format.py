"""The OpenVINO IR format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgecnn.backends.format import Format

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.dissection import Dissection
    from edgecnn.backends.format import QuantizeRequest, StoredWeight
    from edgecnn.core.documents.inspection import Inspection


class OpenvinoFormat(Format):
    """OpenVINO IR: ``model.xml`` with its weights in ``model.bin``; batch 1, NCHW, float input."""

    def lower(self, checkpoint: Path, out: Path) -> Path:
        """Convert a checkpoint to ``out/model.xml``."""
        from edgecnn.backends.openvino.lower import lower

        return lower(checkpoint, out / "model.xml")

    def quantize(self, model: Path, out: Path, request: QuantizeRequest) -> dict[str, Any]:
        """Write ``out/model.xml`` in int8, or with float16 weights."""
        from edgecnn.backends.openvino.quantize import quantize

        return quantize(model, out / "model.xml", request)

    def reference(self, model: Path, out: Path) -> Path:
        """Write ``out/reference.xml``, in which quantization is float arithmetic; return it."""
        from edgecnn.backends.openvino.reference import write_reference

        return write_reference(model, out / "reference.xml")

    def inspect(self, model: Path) -> Inspection:
        """Inspect the file and the operations that the CPU plugin makes of it."""
        from edgecnn.backends.openvino.inspect import inspect

        return inspect(model)

    def weights(self, model: Path) -> list[StoredWeight]:
        """Return the file's stored weights."""
        from edgecnn.backends.openvino.constants import stored_weights

        return stored_weights(model)

    def dissect(self, model: Path, float_model: Path) -> Dissection:
        """Open an int8 file with its float original."""
        from edgecnn.backends.openvino.dissect import OpenvinoDissection

        return OpenvinoDissection(model, float_model)
