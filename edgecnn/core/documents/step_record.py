"""The record that a step leaves beside its outputs in the store."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from edgecnn.core.documents.document import Document
from edgecnn.core.documents.host import Host


class StepCost(Document):
    """Time and memory of a step's process; unmeasured values are left out."""

    left_out: ClassVar[frozenset[str]] = frozenset({"cpu_s", "peak_bytes"})

    wall_s: float
    """Seconds of wall time."""

    cpu_s: float | None = None
    """Seconds of CPU time."""

    peak_bytes: int | None = None
    """Peak memory."""


class StepRecord(Document):
    """``stage.json``: the step that made the outputs, with its costs and notes, and the outputs' digest."""

    left_out: ClassVar[frozenset[str]] = frozenset({"record_digest"})

    step: str
    """Identifier of the step in its plan."""

    stage: str
    """Name of its stage."""

    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of the packages and vendor tools that the outputs depend on."""

    costs: dict[str, StepCost] = Field(default_factory=dict)
    """Cost of the step by the kind of work."""

    host: Host | None = None
    """The machine that executed the step."""

    notes: dict[str, JsonValue] = Field(default_factory=dict)
    """Facts for the report that are not outputs, such as the history of a training."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    digest: str = ""
    """Digest of the names and bytes of the output files; the store computes it."""

    files: dict[str, int] = Field(default_factory=dict)
    """Size of every output file in bytes, by its relative path; the store reads it."""

    record_digest: str = ""
    """Digest of all other fields; the store computes it. Empty in records of earlier versions."""
