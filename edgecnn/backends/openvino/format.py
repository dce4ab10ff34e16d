"""The OpenVINO IR format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.format import FolderFormat

if TYPE_CHECKING:
    from pathlib import Path


class OpenvinoFormat(FolderFormat):
    """OpenVINO IR: ``model.xml`` with its weights beside it in ``model.bin``; batch 1, NCHW, float input."""

    file = "model.xml"

    def reference(self, model: Path, out: Path) -> Path:
        """Write ``out/reference.xml``, in which quantization is float arithmetic; return it."""
        from edgecnn.backends.openvino.reference import write_reference

        return write_reference(model, out / "reference.xml")
