"""Networks from ONNX files."""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError, UsageError, hinting
from edgecnn.core.files import read_head
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.store.digest import digest_file, digest_json
from edgecnn.core.text import unknown_name
from edgecnn.models.classes import numbered
from edgecnn.models.source import ModelSource
from edgecnn.models.sources.described import override
from edgecnn.models.spec import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from edgecnn.models.imported.importer import Imported
    from edgecnn.models.source import GivenFile, ModelRequest

BUILDER = "onnx"
"""Scheme of the builders of imported networks."""

_SUFFIX = ".onnx"
_NAMES_A_FILE = b"location"
"""Key of the entry that names another file; a model without it keeps all its weights."""


class OnnxSource(ModelSource):
    """Source of ``.onnx`` files; a spec holds the whole graph, so that the file is not needed later."""

    schemes = (BUILDER,)
    trusts_first_rung = False  # for detectors with SiLU the first rungs are not enough
    executed_by = ("onnx", "onnx-ir", "onnxruntime")

    def takes(self, reference: str) -> bool:
        """Return whether a reference is an ONNX file."""
        return reference.endswith(_SUFFIX)

    def run_name(self, reference: str) -> str:
        """Return the name of the file without its suffix."""
        return super().run_name(reference).removesuffix(_SUFFIX)

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:
        """Return the digests of the file, and of all files beside it that hold its weights."""
        file = Path(reference)
        if pretrained:
            return super().content(reference, pretrained=pretrained)
        with hinting("give the path of an .onnx file"):
            read_head(file, 0)
        beside = _digests_beside(file)
        return {"file": digest_file(file)} | ({"beside": digest_json(beside)} if beside else {})

    def made_with(self, reference: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the packages that read, fold and execute a file."""
        return self.executed_by

    def resolve(self, request: ModelRequest) -> tuple[nn.Module, ModelSpec]:
        """Read a network from a file, cut at its ``outputs``; ``family`` is that of a detector."""
        from edgecnn.models.imported.external_data import digests_beside
        from edgecnn.models.imported.importer import import_onnx

        refuse_arguments(request, ["outputs", "family"])
        file = Path(request.reference)
        wanted = request.contract_overrides
        size = (wanted["height"], wanted["width"]) if {"height", "width"} <= wanted.keys() else None
        outputs, family = request.arguments.get("outputs", ()), request.arguments.get("family", "")
        found = import_onnx(file, tuple(outputs), size, str(family))
        origin = f"{file.name} sha256:{digest_file(file)}{_origin_beside(digests_beside(file))}"
        return network_of(found, request, origin)

    def build(self, spec: ModelSpec) -> nn.Module:
        """Build the network of the graph in a spec; see the base class."""
        from edgecnn.models.imported.memory import check_network_memory
        from edgecnn.models.imported.network import build

        module, contract = build(spec.arguments), spec.contract
        check_network_memory(module, contract.channels, contract.height, contract.width)
        return module

    def open_file(
        self,
        reference: str,
        module: nn.Module,
        arguments: Mapping[str, Any],  # noqa: ARG002
    ) -> GivenFile:
        """Open an ONNX file for unoptimized execution in ONNX Runtime; see the base class."""
        from edgecnn.models.imported.given_file import OnnxFile

        return OnnxFile(Path(reference), module)


def refuse_arguments(request: ModelRequest, known: Sequence[str]) -> None:
    """Refuse arguments that the source of a file does not have, and weights from elsewhere.

    Raises:
        UsageError: There are any.
    """
    unknown = request.arguments.keys() - set(known)
    if unknown:
        raise unknown_name(f"argument of {request.reference}", min(unknown), known)
    if request.weights is not None:
        raise UsageError(f"{request.reference} has weights of its own", hint="leave --weights out")


def network_of(found: Imported, request: ModelRequest, origin: str) -> tuple[nn.Module, ModelSpec]:
    """Build the network of an imported file, with its weights.

    Args:
        found: The content of the file.
        request: The request for it.
        origin: The origin of the weights in one line.

    Raises:
        InputError: The file has another number of outputs than the request has classes, or its network does
            not answer each image by itself.
    """
    from edgecnn.models.build import build, count_outputs
    from edgecnn.models.imported.independence import check_independence
    from edgecnn.models.imported.settings import naming_opset
    from edgecnn.models.weights import load_weights

    reference, classes = request.reference, request.classes
    names = found.names or numbered(found.classes or 1) if classes is None else tuple(classes)
    if found.classes is not None and len(names) != found.classes:
        raise InputError(f"{reference} has {found.classes} outputs for {len(names)} classes")
    spec = ModelSpec(
        builder=f"{BUILDER}:{Path(reference).stem}",
        contract=override(found.contract, request.contract_overrides),
        classes=names,
        arguments={"graph": found.graph.to_json()},
        weights=origin,
        task=found.task,
    )
    with naming_opset(found.opset):
        module = build(spec)
    load_weights(module, found.state, reference)
    count_outputs(module, spec)
    with naming_opset(found.opset):
        check_independence(module, spec.contract.channels, spec.contract.height, spec.contract.width)
    return module, spec


@arguments
class BesideRequest:
    """An ONNX file whose weights in other files a child process looks for."""

    file: Path


def find_beside(request: BesideRequest) -> dict[str, str]:
    """Return the digests of the files that hold weights of an ONNX file; runs in a child process."""
    from edgecnn.models.imported.external_data import digests_beside

    return digests_beside(request.file)


def _digests_beside(file: Path) -> dict[str, str]:
    """Return the digests of the files that hold weights of an ONNX file, by their names in it.

    Nothing heavy is imported here: a file that does not even contain the word that names another file is not
    read, and a child process reads every other.

    Raises:
        InputError: The file is damaged, or names a file that is not beside it.
    """
    with file.open("rb") as source:
        empty = os.fstat(source.fileno()).st_size == 0
        if empty or mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ).find(_NAMES_A_FILE) < 0:
            return {}
    with temporary_folder("beside") as folder:
        child = process.call(
            "edgecnn.models.sources.onnx:find_beside",
            BesideRequest(file.absolute()),
            log=folder / "log",
            memory_bytes=process.memory_for(file),
        )
    return child.read(dict[str, str])


def _origin_beside(digests: Mapping[str, str]) -> str:
    """Return what the origin of the weights says of the files beside the ONNX file; empty without any."""
    return f", weights beside it sha256:{digest_json(digests)}" if digests else ""
