"""Rows of the verbs that list, look and fetch: targets, models, toolchains, findings, downloads, counts."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from edgecnn.core.documents.document import Document

if TYPE_CHECKING:
    from collections.abc import Sequence


class TargetRow(Document):
    """A target in the listing; the fields are those of its file."""

    name: str
    format: str
    precision: str
    runtime: str
    isa: str
    description: str


class ModelRow(Document):
    """A network in the listing."""

    name: str
    """The name that the command line takes."""

    input: str
    """Input size in pixels, as ``HxW``."""

    licence: str
    """Licence of the published weights."""

    weights: str
    """``fetched``, or the command that fetches them."""

    description: str


class ToolchainRow(Document):
    """A toolchain and the state of its environment."""

    name: str
    package: str
    """The package that is the tool."""

    version: str
    """The version that is pinned."""

    state: str
    """``installed``, ``missing`` or ``other version``."""

    differences: tuple[str, ...]
    """The packages that are not as pinned, one line each."""

    licence: str
    """Licence of the tool."""

    path: str
    """Directory of its environment."""

    description: str

    @property
    def ok(self) -> bool:
        """Return whether it can be used."""
        return self.state == "installed"


class Finding(Document):
    """The result of one check of ``doctor``."""

    what: str
    """The package, target or place that was checked."""

    ok: bool
    found: str
    remedy: str = ""
    """The advice to the user; empty where nothing is needed."""


class Fetched(Document):
    """Weights or a dataset in the cache."""

    name: str
    """The requested name."""

    path: str
    """The file or folder."""

    size_bytes: int


class Instructions(Document):
    """Executed instructions of one inference."""

    device: str
    """The emulated device, or ``x86``."""

    median: int
    """Median over the inferences."""

    least: int
    most: int
    tool: str
    """The tool that counted, with its version; counts of different tools are not compared."""

    @classmethod
    def of(cls, device: str, each: Sequence[int], tool: str) -> Instructions:
        """Summarize the counts of several inferences."""
        median = round(statistics.median(each))
        return cls(device=device, median=median, least=min(each), most=max(each), tool=tool)


class CountResult(Document):
    """Instructions of one artifact."""

    artifact: str
    """Its directory."""

    target: str
    counts: tuple[Instructions, ...]
    """One for each device."""
