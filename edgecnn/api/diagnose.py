"""Diagnose an int8 artifact: which layer broke, why, and what to change."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn import process
from edgecnn.config.paths import cache_dir, store_dir
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.errors import InputError
from edgecnn.formats.registry import format_of, model_file
from edgecnn.measure.diagnosis import Diagnosis, LayerDiagnosis, Whole
from edgecnn.report.diagnosis import diagnosis_markdown
from edgecnn.report.diagnosis_plot import diagnosis_svg
from edgecnn.runtimes.isa import ISAS
from edgecnn.runtimes.registry import entry_of
from edgecnn.store.manifest import Artifact
from edgecnn.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from edgecnn.config.target import Target
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.ondevice.contract import Contract
    from edgecnn.runtimes.base import Execution

IMAGES = 30
"""Images that tell one layer from another; more sharpen agreement and top-1, at their price in time."""

_TIMEOUT_S = 3600.0
_KEY = re.compile(r"[0-9a-f]{64}")
_RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert", "openvino": "openvino"}


def diagnose(
    artifact: Path | str,
    data: str,
    *,
    images: int = IMAGES,
    float_file: Path | str | None = None,
    out: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Diagnosis:
    """Find the layers of an int8 artifact that lose accuracy.

    Args:
        artifact: Directory of an artifact.
        data: Real images: CSV file, folder or ``fashion-mnist:test``; labels are used where there are any.
        images: How many of them are used, evenly over the classes.
        float_file: The float file that it was quantized from; looked up in the store when not given.
        out: Directory for the report as ``diagnosis.json``, ``diagnosis.md`` and ``diagnosis.svg``.
        progress: Called with what is done, what there is to do, and what is being done.

    Raises:
        InputError: The artifact is not int8, the float file is missing or of another network, or the images
            cannot be used.
        MissingDependency: A package of the format is not installed.
        WorkerError: The child process crashed, hung or ran out of memory.
    """
    tell = progress or (lambda _done, _total, _text: None)
    subject = _Subject.open(Path(artifact), None if float_file is None else Path(float_file))
    source = open_source(data, cache_dir=cache_dir())
    with tempfile.TemporaryDirectory(prefix="edgecnn-diagnose-") as folder:
        prepared = prepare(
            source,
            subject.contract,
            Path(folder) / "images",
            limit=min(images, len(source)) or None,
            progress=lambda done, total: tell(done, total, "decoding"),
        )
        found = _diagnose(subject, prepared, Path(folder), tell)
    if out is not None:
        _write(found, out)
    return found


@dataclass(frozen=True)
class _Subject:
    """What is diagnosed."""

    model: Path
    float_model: Path
    network: Path | None
    contract: Contract
    target: Target

    @classmethod
    def open(cls, directory: Path, float_file: Path | None) -> _Subject:
        artifact = Artifact.open(directory)
        target = artifact.manifest.target
        if target.precision != "int8":
            raise InputError(
                f"{directory} is {target.precision}; only an int8 artifact has int8 layers to diagnose",
                hint="`edgecnn check` shows what was proven of it",
            )
        float_model = float_file or _float_file(artifact)
        if format_of(float_model) != target.format:
            raise InputError(f"{float_model} is no {target.format} file as {artifact.model} is")
        network = _stored(artifact, "network")
        return cls(artifact.model, float_model, network, artifact.contract, target)

    @property
    def execution(self) -> Execution:
        """What counts as shipping: a runtime with exact kernels executes as the reference does."""
        return "shipping" if self.target.runtime == _RUNTIMES[self.target.format] else "reference"


def _float_file(artifact: Artifact) -> Path:
    """Return the float file that an artifact was quantized from.

    Raises:
        InputError: The manifest does not name it, or the store has it no more.
    """
    if "float" not in artifact.manifest.source:
        raise InputError(
            f"{artifact.directory} does not say which float file it was quantized from",
            hint="give it with --float, or export again",
        )
    outputs = _stored(artifact, "float")
    if outputs is None:
        raise InputError(
            f"the store no longer has the float file that {artifact.directory} was quantized from",
            hint="give it with --float, or export again, which makes it again",
        )
    return model_file(outputs, artifact.manifest.target.format)


def _stored(artifact: Artifact, name: str) -> Path | None:
    """Return the directory of what an artifact was made from; None where the store has it no more."""
    origin = artifact.manifest.source.get(name)
    # The key names a folder, and a manifest is not trusted.
    if not isinstance(origin, dict) or not _KEY.fullmatch(str(origin.get("key"))):
        return None
    entry = Store(store_dir()).get(origin["key"])
    return entry.outputs if entry is not None and entry.digest == origin.get("digest") else None


def _diagnose(
    subject: _Subject, prepared: PreparedSet, folder: Path, tell: Callable[[int, int, str], None]
) -> Diagnosis:
    target, here = subject.target, host().isa
    isa = ISAS.get(here)
    saturates = isa is not None and isa.int8_saturates and entry_of(_RUNTIMES[target.format]).saturates
    child = process.call(
        "edgecnn.measure.diagnose:diagnose_files",
        {
            "format": target.format,
            "model": str(subject.model),
            "float_model": str(subject.float_model),
            "images": str(prepared.directory),
            "network": None if subject.network is None else str(subject.network),
            "shipping": subject.execution,
            "host_isa": here,
            "saturates": saturates,
        },
        log=folder / "diagnose.log",
        timeout_s=_TIMEOUT_S,
        progress=lambda done, total: tell(done, total, "layers"),
    )
    value: dict[str, Any] = child.value
    return Diagnosis(
        model=str(subject.model),
        float_model=str(subject.float_model),
        format=target.format,
        target=target.name,
        images=len(prepared),
        whole=Whole(**value["whole"]),
        layers=tuple(LayerDiagnosis.from_json(layer) for layer in value["layers"]),
        kernels=f"{_RUNTIMES[target.format]}, {subject.execution}, {here}",
    )


def _write(found: Diagnosis, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        document = json.dumps(found.to_json(), indent=1, allow_nan=False)
        (out / "diagnosis.json").write_text(document + "\n", encoding="utf-8")
        (out / "diagnosis.md").write_text(diagnosis_markdown(found), encoding="utf-8")
        (out / "diagnosis.svg").write_text(diagnosis_svg(found), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
