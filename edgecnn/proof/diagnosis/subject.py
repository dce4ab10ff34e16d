"""The files that a diagnosis looks at: of an artifact or of plain files, and diagnosed in a child process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.backends.formats import companions, format_of
from edgecnn.backends.origin import float_file, stored
from edgecnn.backends.registry import find_format, find_runtime
from edgecnn.backends.worker.isa import ISAS
from edgecnn.backends.worker.runtime import Execution
from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.diagnosis import Diagnosis
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.files import is_file
from edgecnn.core.json_file import read_json
from edgecnn.core.store.manifest import Artifact
from edgecnn.devices.host import host
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.data.prepared import PreparedSet

_TIMEOUT_S = 3600.0
_CONTRACT_BYTES = 20_000_000


@arguments
class DiagnosisRequest:
    """The arguments of the child process that diagnoses.

    Attributes:
        format: Name of the format.
        model: The int8 file.
        float_model: Its float original.
        images: Directory of a prepared set.
        network: The checkpoint that the float file was lowered from, to name layers after; None names none.
        target: Name of the artifact's target; None for a plain file.
        shipping: The execution that counts as shipping.
        runtime: Name of the runtime.
        host_isa: Instruction set of this machine.
        saturates: Whether the runtime's int8 kernels saturate on it.
    """

    format: str
    model: Path
    float_model: Path
    images: Path
    network: Path | None
    target: str | None
    shipping: Execution
    runtime: str
    host_isa: str
    saturates: bool


@dataclass(frozen=True)
class Subject:
    """An int8 file and the files that it is compared with.

    Attributes:
        model: The int8 file.
        float_model: The float file.
        network: The checkpoint that it came from; None where it is unknown.
        contract: The preprocessing of its images.
        target: Name of the artifact's target; None for a plain file.
        execution: The execution that counts as shipping: ``reference`` for a runtime with exact kernels.
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
    def find(cls, path: Path, float_model: Path | None, contract: Path | None) -> Subject:
        """Find the files of an artifact's directory, or those that belong to an int8 file.

        Args:
            path: Directory of an artifact, or an int8 file.
            float_model: The float file; an artifact's is looked up in the store where it is not given.
            contract: JSON file with the preprocessing contract of an int8 file outside an artifact.

        Raises:
            InputError: The artifact is not int8, or a file is missing or of another format.
            UsageError: A file is given without its float file or its contract.
        """
        if not is_file(path):
            return cls._of_artifact(Artifact.open(path), float_model)
        if float_model is None or contract is None:
            raise UsageError(
                f"{path} is no artifact, so it does not say what it was made from",
                hint="give its float file with --float and its preprocessing contract with --contract",
            )
        _check_format(path, float_model)
        return cls(path, float_model, None, _read_contract(contract), None, "shipping")

    @classmethod
    def _of_artifact(cls, artifact: Artifact, given: Path | None) -> Subject:
        target = artifact.manifest.target
        if target.precision != "int8":
            raise InputError(
                f"{artifact.directory} is {target.precision}; only an int8 artifact has layers to diagnose",
                hint="`edgecnn check` shows what was proven of it",
            )
        float_model = given or float_file(artifact)
        _check_format(artifact.model, float_model)
        network = stored(artifact.manifest.source.network)
        usual, runtime = find_format(target.format).runtime, find_runtime(target.runtime)
        if runtime.name != usual and not runtime.is_reference:
            raise InputError(
                f"layers cannot be executed one by one in {target.runtime}, which {target.name} ships in",
                hint=f"diagnose it quantized for a target that runs in {usual}",
            )
        execution: Execution = "reference" if runtime.is_reference else "shipping"
        return cls(artifact.model, float_model, network, artifact.contract, target.name, execution)

    def diagnose(self, images: PreparedSet, log: Path, progress: Callable[[int, int], None]) -> Diagnosis:
        """Diagnose the int8 file in a child process.

        Args:
            images: Real images, prepared by the contract.
            log: File for the child's output.
            progress: Called with the layers done and the layers in all.

        Raises:
            InputError: The files are not of one network, or do not take the images.
            MissingDependency: A package of the format is not installed.
            WorkerError: The child process crashed, hung or ran out of memory.
        """
        here, runtime = host().isa, find_format(self.format).runtime
        isa = ISAS.get(here)
        request = DiagnosisRequest(
            format=self.format,
            model=self.model,
            float_model=self.float_model,
            images=images.directory,
            network=self.network,
            target=self.target,
            shipping=self.execution,
            runtime=runtime,
            host_isa=here,
            saturates=isa is not None and isa.int8_saturates and find_runtime(runtime).saturates,
        )
        entry = "edgecnn.proof.diagnosis.diagnose:diagnose_files"
        files = (self.model, self.float_model)
        child = process.call(
            entry,
            request,
            log=log,
            timeout_s=_TIMEOUT_S,
            memory_bytes=process.memory_for(*files, *(one for file in files for one in companions(file))),
            progress=progress,
        )
        return child.read(Diagnosis)


def _check_format(model: Path, float_model: Path) -> None:
    if format_of(float_model) != format_of(model):
        raise InputError(f"{float_model} is no {format_of(model)} file as {model} is")


def _read_contract(file: Path) -> Contract:
    """Read a preprocessing contract, alone or inside a larger document.

    Raises:
        InputError: There is none in the file.
    """
    try:
        document = read_json(file, what="a preprocessing contract", most_bytes=_CONTRACT_BYTES)
        return Contract.from_json(document.get("contract", document))
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{file} holds no preprocessing contract: {error}") from error
