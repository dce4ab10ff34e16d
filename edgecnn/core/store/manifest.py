"""Artifacts: a directory with a model and the manifest that says what it is and what was proven of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from edgecnn.core.config.base import Schema
from edgecnn.core.config.target import Target
from edgecnn.core.errors import InputError
from edgecnn.core.files import draft_directory
from edgecnn.core.store.digest import digest_file
from edgecnn.core.task import TaskDescription, with_task
from edgecnn.core.text import first_line
from edgecnn.ondevice.contract import Contract

SCHEMA = 1
NAME = "manifest.json"
MAX_BYTES = 20_000_000


class Manifest(Schema):
    """What an artifact is, where it came from and what was measured.

    Plain data inside plain data: the parts are written by the stages that measured them, and each part's
    own type documents its fields.
    """

    schema_version: int = SCHEMA
    name: str
    """Name of the pipeline or network."""

    target: Target
    """The target with everything that the pipeline changed in it."""

    model: str
    """Name of the model's main file, in the artifact's directory."""

    files: dict[str, str]
    """Every model file's sha256, by name."""

    size_bytes: int
    """Of what goes to the device: the compiled file where there is one, else the model's files."""

    source: dict[str, Any]
    """The network's ``spec.json``, less contract and classes, and the digest of its checkpoint; of an int8
    file also ``float`` and ``network``: key and digest in the store of the float file that was quantized and
    of the checkpoint that it was lowered from."""

    contract: dict[str, Any]
    classes: list[str]
    precision: str
    """Read back from the file."""

    inspection: dict[str, Any]
    """Operations, inputs and outputs, read back from the file."""

    task: TaskDescription
    """What the network is for, and what its task must know of its outputs."""

    quantization: dict[str, Any]
    """Scheme, ranges and calibration set; empty for a float32 file."""

    pruning: dict[str, Any] = Field(default_factory=dict)
    """What was pruned, how, and the accuracy of the network on the way; empty where nothing was."""

    ladder: list[dict[str, Any]] = Field(default_factory=list)
    """What every rung of the recovery ladder came to; the last is this file's, or the best of them is."""

    verification: list[dict[str, Any]]
    """The links of the verification chain, in their order."""

    metrics: dict[str, Any]
    """Task metric in the shipping runtime and of fp32 PyTorch on the same images; empty if not measured."""

    latency: dict[str, Any]
    """Latency against the float32 file; empty if not measured."""

    npu: dict[str, Any] = Field(default_factory=dict)
    """The compiler's report: coverage, cycles, memory, every layer; empty where nothing was compiled."""

    runtime: dict[str, Any] = Field(default_factory=dict)
    """What the shipping runtime said of itself and of the memory that it takes."""

    answers: dict[str, Any] = Field(default_factory=dict)
    """Digest of the evaluation set and which of its images were right, for paired tests; may be empty."""

    measured: dict[str, Any] = Field(default_factory=dict)
    """Every value that a budget can bind, whether one does or not."""

    budgets: list[dict[str, Any]]
    """Every budget with its measured value."""

    costs: dict[str, Any]
    """Seconds and peak memory of the stages that made the artifact."""

    host: dict[str, Any]
    """The machine that verified and measured."""

    tools: dict[str, str]
    """Versions of the packages that made and ran the file."""

    @model_validator(mode="before")
    @classmethod
    def _of_before_tasks(cls, data: Any) -> Any:
        """Read a manifest of before it named a task: it may describe a detector."""
        return with_task(data) if isinstance(data, dict) else data


@dataclass(frozen=True)
class Artifact:
    """An artifact on disk.

    Attributes:
        directory: Its directory.
        manifest: Its manifest.
    """

    directory: Path
    manifest: Manifest

    @property
    def model(self) -> Path:
        """The model's main file."""
        return self.directory / self.manifest.model

    @property
    def contract(self) -> Contract:
        """The preprocessing contract."""
        return Contract.from_json(self.manifest.contract)

    @classmethod
    def open(cls, directory: Path) -> Artifact:
        """Open an artifact and check that its files are the ones that were verified.

        Raises:
            InputError: No artifact, another schema, a missing file, or a file whose bytes changed.
        """
        path = directory / NAME
        if not path.is_file():
            raise InputError(
                f"{directory} is not an artifact: it has no {NAME}",
                hint="give the directory that `edgecnn export` printed",
            )
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} is larger than {MAX_BYTES} bytes; that is no manifest")
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(data, dict) or data.get("schema_version") != SCHEMA:
                found = data.get("schema_version") if isinstance(data, dict) else None
                raise InputError(f"{path} has schema {found!r}; this version reads {SCHEMA}")
            artifact = cls(directory, Manifest.model_validate(data))
            Contract.from_json(artifact.manifest.contract)
        except (ValidationError, ValueError, TypeError, OSError) as error:
            raise InputError(f"{path} is not a manifest: {first_line(error)}") from error
        artifact._check_files()
        return artifact

    def _check_files(self) -> None:
        if self.manifest.model not in self.manifest.files:
            raise InputError(f"{self.directory}: the model {self.manifest.model!r} is not among its files")
        for name, digest in self.manifest.files.items():
            if Path(name).name != name:
                raise InputError(f"{self.directory}: {name!r} is no plain file name")
            path = self.directory / name
            if not path.is_file():
                raise InputError(f"{self.directory}: {name} is missing")
            if digest_file(path) != digest:
                raise InputError(
                    f"{path} was changed since it was verified: its sha256 is not the manifest's",
                    hint="export it again",
                )

    @staticmethod
    def publish(files: list[Path], manifest: Manifest, directory: Path) -> Artifact:
        """Write an artifact beside its final place and rename it there; an older one is replaced."""
        with draft_directory(directory) as draft:
            for file in files:
                shutil.copyfile(file, draft / file.name)
            (draft / NAME).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        return Artifact(directory, manifest)
