"""Diagnose an int8 artifact: which layer broke, why, and what to change."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.formats import format_of
from edgecnn.backends.registry import find_format, find_runtime
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core import process
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.diagnosis import Diagnosis, LayerDiagnosis, WholeDiagnosis
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.manifest import Artifact
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.ondevice.contract import Contract
from edgecnn.ui.api.provenance import float_file, stored
from edgecnn.ui.report.diagnosis import diagnosis_markdown
from edgecnn.ui.report.diagnosis_plot import diagnosis_svg

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from edgecnn.backends.worker.runtime import Execution
    from edgecnn.data.prepared import PreparedSet

IMAGES = 30
"""Images that tell one layer from another; more sharpen agreement and top-1, at their price in time."""

_TIMEOUT_S = 3600.0
_CONTRACT_BYTES = 20_000_000


def diagnose(
    artifact: Path | str,
    data: str,
    *,
    images: int = IMAGES,
    float_file: Path | str | None = None,
    contract: Path | str | None = None,
    out: Path | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Diagnosis:
    """Find the layers of an int8 artifact that lose accuracy.

    Args:
        artifact: Directory of an artifact, or an int8 file of one of the three formats.
        data: Real images: CSV file, folder or ``fashion-mnist:test``; labels are used where there are any.
        images: How many of them are used, evenly over the classes.
        float_file: The float file that it was quantized from; looked up in the store when not given.
        contract: JSON file with the preprocessing contract of an int8 file that is no artifact: the contract
            itself, or a document that holds it as ``contract``, such as a checkpoint's ``spec.json``.
        out: Directory for the report as ``diagnosis.json``, ``diagnosis.md`` and ``diagnosis.svg``.
        progress: Called with what is done, what there is to do, and what is being done.

    Raises:
        InputError: The artifact is not int8, the float file is missing or of another network, or the images
            cannot be used.
        MissingDependency: A package of the format is not installed.
        WorkerError: The child process crashed, hung or ran out of memory.
    """
    tell = progress or (lambda _done, _total, _text: None)
    given = None if float_file is None else Path(float_file)
    path = Path(artifact)
    if path.is_file():
        subject = _Subject.of_file(path, given, None if contract is None else Path(contract))
    else:
        subject = _Subject.of_artifact(path, given)
    source = open_source(data, cache_dir=cache_dir())
    with tempfile.TemporaryDirectory(prefix="edgecnn-diagnose-") as folder:
        prepared = prepare(
            source,
            subject.contract,
            Path(folder) / "images",
            limit=min(images, len(source)),
            progress=lambda done, total: tell(done, total, "decoding"),
        )
        found = _diagnose(subject, prepared, Path(folder), tell)
    if out is not None:
        _write(found, out)
    return found


@dataclass(frozen=True)
class _Subject:
    """What is diagnosed.

    Attributes:
        model: The int8 file.
        float_model: The float file.
        network: The checkpoint that it came from; None where it is unknown.
        contract: How images become its input.
        target: Name of the artifact's target; None for a plain file.
        execution: What counts as shipping: a runtime with exact kernels executes as the reference does.
    """

    model: Path
    float_model: Path
    network: Path | None
    contract: Contract
    target: str | None
    execution: Execution

    @property
    def format(self) -> str:
        """Format of both files."""
        return format_of(self.model)

    @classmethod
    def of_artifact(cls, directory: Path, given: Path | None) -> _Subject:
        artifact = Artifact.open(directory)
        target = artifact.manifest.target
        if target.precision != "int8":
            raise InputError(
                f"{directory} is {target.precision}; only an int8 artifact has int8 layers to diagnose",
                hint="`edgecnn check` shows what was proven of it",
            )
        float_model = given or float_file(artifact)
        _check_format(artifact.model, float_model)
        network = stored(artifact, "network")
        usual, runtime = find_format(target.format).runtime, find_runtime(target.runtime)
        if runtime.name != usual and not runtime.is_reference:
            raise InputError(
                f"layers cannot be executed one by one in {target.runtime}, which {target.name} ships in",
                hint=f"diagnose it quantized for a target that runs in {usual}",
            )
        execution: Execution = "reference" if runtime.is_reference else "shipping"
        return cls(artifact.model, float_model, network, artifact.contract, target.name, execution)

    @classmethod
    def of_file(cls, model: Path, float_file: Path | None, contract: Path | None) -> _Subject:
        if float_file is None or contract is None:
            raise UsageError(
                f"{model} is no artifact, so it does not say what it was made from",
                hint="give its float file with --float and its preprocessing contract with --contract",
            )
        _check_format(model, float_file)
        return cls(model, float_file, None, _read_contract(contract), None, "shipping")


def _check_format(model: Path, float_model: Path) -> None:
    if format_of(float_model) != format_of(model):
        raise InputError(f"{float_model} is no {format_of(model)} file as {model} is")


def _read_contract(file: Path) -> Contract:
    """Read a preprocessing contract, alone or inside a larger document.

    Raises:
        InputError: There is none in the file.
    """
    try:
        if file.stat().st_size > _CONTRACT_BYTES:
            raise InputError(f"{file} is too large for a preprocessing contract")
        document = json.loads(file.read_text(encoding="utf-8"))
        return Contract.from_json(document.get("contract", document))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{file} holds no preprocessing contract: {error}") from error


def _diagnose(
    subject: _Subject, prepared: PreparedSet, folder: Path, tell: Callable[[int, int, str], None]
) -> Diagnosis:
    here, runtime = host().isa, find_format(subject.format).runtime
    isa = ISAS.get(here)
    saturates = isa is not None and isa.int8_saturates and find_runtime(runtime).saturates
    child = process.call(
        "edgecnn.proof.diagnosis.diagnose:diagnose_files",
        {
            "format": subject.format,
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
        format=subject.format,
        target=subject.target,
        images=len(prepared),
        whole=WholeDiagnosis.from_json(value["whole"]),
        layers=tuple(LayerDiagnosis.from_json(layer) for layer in value["layers"]),
        kernels=f"{runtime}, {subject.execution}, {here}",
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
