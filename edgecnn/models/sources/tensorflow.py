"""Networks from the files of TensorFlow's tools: Keras, SavedModel, float TFLite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import EdgecnnError, UsageError
from edgecnn.core.store.digest import digest_file, digest_tree
from edgecnn.core.toolchains.environment import require
from edgecnn.models.source import ModelSource
from edgecnn.models.sources.onnx import network_of, refuse_arguments
from edgecnn.models.tensorflow.client import TOOLCHAIN, TensorFlow
from edgecnn.models.tensorflow.kinds import check_content, kind_of
from edgecnn.models.tensorflow.labels import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn

    from edgecnn.models.source import GivenFile, ModelRequest
    from edgecnn.models.spec import ModelSpec
    from edgecnn.models.tensorflow.kinds import Kind


class TensorFlowSource(ModelSource):
    """Source of ``.keras``, ``.h5`` and float ``.tflite`` files and of SavedModel folders.

    A file is converted to ONNX in the toolchain's environment; a spec holds the whole graph, so that neither
    the file nor the toolchain is needed later.
    """

    trusts_first_rung = False
    executed_by = ("onnx", "onnx-ir", "onnxruntime")

    def takes(self, reference: str) -> bool:
        """Return whether a reference is such a file or folder."""
        return kind_of(reference) is not None

    def run_name(self, reference: str) -> str:
        """Return the name of the file without its suffix."""
        name = super().run_name(reference)
        return name if kind_of(reference) == "saved-model" else Path(name).stem

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:
        """Return the digest of the file, and the version of TensorFlow that reads it.

        Raises:
            UsageError: There is no such file.
            InputError: It is of another format than its name, encrypted or damaged.
            MissingDependency: The toolchain is not installed.
        """
        if pretrained:
            return super().content(reference, pretrained=True)
        _kind(reference)
        version = require(TOOLCHAIN).toolchain.version
        return {"file": _digest(Path(reference)), "toolchain": version}

    def made_with(self, reference: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the packages that read, fold and execute the converted file."""
        return self.executed_by

    def resolve(self, request: ModelRequest) -> tuple[nn.Module, ModelSpec]:
        """Convert a network; its arguments are ``outputs``, the tensors to cut it at, and ``signature``."""
        from edgecnn.models.imported.importer import import_onnx

        refuse_arguments(request, ["outputs", "signature"])
        path, kind = Path(request.reference), _kind(request.reference)
        with TemporaryDirectory(prefix="edgecnn-tensorflow-") as folder, TensorFlow() as process:
            converted = Path(folder) / "network.onnx"
            opened = process.open(path, kind, request.arguments.get("signature"))
            process.convert(converted)
            try:
                found = import_onnx(converted, tuple(request.arguments.get("outputs", ())))
            except EdgecnnError as error:
                message = error.message.replace(str(converted), request.reference)
                raise type(error)(message, hint=error.hint) from error
        if opened.raw_pixels:
            channels = found.contract.channels
            pixels = replace(found.contract, mean=(0.0,) * channels, std=(1.0,) * channels)
            found = replace(found, contract=pixels)
        if request.classes is None and kind == "tflite":
            request = replace(request, classes=labels_of(path, found.classes))
        return network_of(found, request, f"{path.name} sha256:{_digest(path)}")

    def build(self, spec: ModelSpec) -> nn.Module:
        """Raise an error: the builder of an imported network is the ONNX importer."""
        raise UsageError(f"{spec.builder!r} is not a model")

    def open_file(self, reference: str, module: nn.Module, arguments: Mapping[str, Any]) -> GivenFile:
        """Open a file for execution in TensorFlow; see the base class."""
        from edgecnn.models.tensorflow.given_file import TensorFlowFile

        return TensorFlowFile(Path(reference), _kind(reference), arguments.get("signature"), module)


def _kind(reference: str) -> Kind:
    """Return the kind of a file whose content was checked."""
    kind = kind_of(reference)
    if kind is None:
        raise UsageError(f"{reference} is not a file of TensorFlow")
    check_content(reference, kind)
    return kind


def _digest(path: Path) -> str:
    return digest_tree(path) if path.is_dir() else digest_file(path)
