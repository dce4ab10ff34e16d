"""Checkpoints as the start of a pipeline: a directory with weights and a spec."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import UsageError
from edgecnn.core.files import exists, is_dir, is_file
from edgecnn.core.named_code import SCHEME
from edgecnn.core.store.digest import digest_file, digest_tree
from edgecnn.core.task import CLASSIFICATION
from edgecnn.models.sources.described import DescribedSource, StartingWeights
from edgecnn.models.sources.module import code_digest
from edgecnn.models.spec_file import SPEC_FILE, WEIGHTS_FILE, read_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue
    from torch import nn

    from edgecnn.models.source import ModelRequest
    from edgecnn.models.spec import ModelSpec


class CheckpointSource(DescribedSource):
    """Source of directories that edgecnn wrote; it also takes references that no other source takes."""

    def takes(self, reference: str) -> bool:  # noqa: ARG002
        """Return True: any reference may be a path."""
        return True

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:
        """Return the digest of the directory, or of the file at that path."""
        path = Path(reference)
        if pretrained:
            return super().content(reference, pretrained=True)
        if is_file(path):
            return {"file": digest_file(path)}
        if not reference or not is_file(path / SPEC_FILE):
            self.describe(reference)  # refuses it; another folder, which may be large, is not read
        return {"checkpoint": digest_tree(path)}

    def code(self, reference: str, arguments: Mapping[str, JsonValue]) -> dict[str, str]:
        """Return the digest of the code of the checkpoint's network; see the base class."""
        if not _is_folder(reference):
            return {}
        spec = read_spec(Path(reference))
        if not spec.builder.startswith(SCHEME):
            return {}
        return {"code": code_digest(spec.builder, {**spec.arguments, **arguments})}

    def known_classes(self, reference: str) -> int | None:
        """Return the number of classes of a classifier; a network for another task may have none."""
        spec = read_spec(Path(reference)) if _is_folder(reference) else None
        return len(spec.classes) if spec is not None and spec.task == CLASSIFICATION else None

    def made_with(self, reference: str) -> tuple[str, ...]:
        """Return the packages that the network of a checkpoint consists of."""
        from edgecnn.models.registry import find_builder

        if not _is_folder(reference):
            return ()
        builder = read_spec(Path(reference)).builder
        return find_builder(builder).rebuilt_with(builder)

    def describe(self, reference: str) -> ModelSpec:
        """Read the spec of a checkpoint; see the base class."""
        if reference and exists(Path(reference)):
            return read_spec(Path(reference))
        raise UsageError(
            f"there is no model {reference!r}",
            hint="use zoo:NAME, timm:NAME, torchvision:NAME, python:package.module:factory, a checkpoint, "
            "an .onnx, .tflite, .keras or .h5 file, or a SavedModel folder",
        )

    def starting_weights(self, request: ModelRequest, base: ModelSpec) -> StartingWeights:
        """Return the checkpoint's own weights."""
        from edgecnn.models.weights import read_safetensors

        state = read_safetensors(Path(request.reference) / WEIGHTS_FILE)
        return StartingWeights(state, base.weights, base.licence)

    def build(self, spec: ModelSpec) -> nn.Module:
        """Raise an error: no spec names a checkpoint as its builder."""
        raise UsageError(f"{spec.builder!r} is not a model")


def _is_folder(reference: str) -> bool:
    """Return whether a reference is the path of a folder; an empty one is not that of the current folder."""
    return reference != "" and is_dir(Path(reference))
