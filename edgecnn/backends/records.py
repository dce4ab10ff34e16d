"""The facts that edgecnn needs to know of a vendor: its format, its runtimes, its compilers.

A vendor's folder holds a module ``backend`` with one :class:`Backend` named ``BACKEND``. It is data: this
module and every ``backend`` module load the standard library only, and what they name is imported on use.
Whatever depends on a format, a runtime or a compiler elsewhere is derived from these records.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgecnn.backends.worker.runtime_code import RuntimeCode
from edgecnn.core.entry_points import OWN, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.backends.terms import Layout, Precision


@dataclass(frozen=True)
class StageVersion:
    """What the outputs of a format's stage depend on besides their inputs.

    Attributes:
        version: Raised whenever the same inputs would give other outputs than before.
        distributions: Packages whose version the outputs depend on.
    """

    version: int
    distributions: tuple[str, ...]


def _install(extra: str, origin: Origin) -> str:
    return f'pip install "{f"edgecnn[{extra}]" if extra else origin.distribution}"'


@dataclass(frozen=True)
class FormatRecord:
    """A format of model files.

    Attributes:
        name: As targets write it.
        load: ``"module:Class"`` of a :class:`~edgecnn.backends.format.Format`, imported on use; the class
            takes no arguments and its module imports vendor libraries inside its functions.
        suffix: Suffix of the model file, with the dot.
        runtime: Name of the runtime that executes its float files and its reference.
        precisions: Precisions that its files can have.
        layout: Order of the dimensions of its files' images.
        lower: Of the conversion from PyTorch.
        quantize: Of the native quantizer.
        inspect: Of reading a file back.
        kernels: ``"module:function"`` that says what the integer kernels for the format do on an instruction
            set (:class:`edgecnn.quantization.kernels.Kernels`), imported on use.
        extra: Extra of edgecnn that installs what it needs.
        companions: Suffixes of the files that belong beside the model file, with the dot.
        integer_int8: Whether an int8 file is integer from its input to its output, so that no layer of it can
            stay in float.
        package_rank: Place in the order in which packages prefer formats, lowest first; None where no
            package can hold one.
        hub_library: Library that executes it, as Hugging Face's hub names it.
        origin: Filled in by the registry.
    """

    name: str
    load: str
    suffix: str
    runtime: str
    precisions: tuple[Precision, ...]
    layout: Layout
    lower: StageVersion
    quantize: StageVersion
    inspect: StageVersion
    kernels: str
    extra: str = ""
    companions: tuple[str, ...] = ()
    integer_int8: bool = False
    package_rank: int | None = None
    hub_library: str = ""
    origin: Origin = OWN

    @property
    def install(self) -> str:
        """Command that installs what the format needs."""
        return _install(self.extra, self.origin)


@dataclass(frozen=True)
class RuntimeRecord:
    """What executes files of a format.

    Attributes:
        name: As targets write it.
        load: ``"module:Class"`` of a :class:`~edgecnn.backends.worker.runtime.Runtime`, imported in the
            worker on use: the module may import the standard library, numpy and the runtime only.
        format: Name of the format whose files it executes.
        distribution: Package that holds the runtime.
        extra: Extra of edgecnn that installs it.
        toolchain: The environment of its own that it lives in; None where it is installed beside edgecnn.
        own_install: Command that installs it, where that is neither the extra nor the toolchain.
        simulates: Whether it computes what other hardware computes: then its speed says nothing.
        saturates: Whether its int8 kernels saturate on an instruction set that makes them.
        is_reference: Whether its outputs are those of the format's reference execution, bit for bit.
        exact_reference: Whether its reference execution of integer files gives the same bits everywhere.
        versioned: Whether it can be had in several versions, each in an environment of its own.
        beside: Requirements that such an environment holds besides.
        emulated: Whether the emulated devices hold it.
        counts: Metrics that it counts, comparable within one version of its package.
        ships: Platforms whose packages it can execute, with the requirements that a package needs for it.
        origin: Filled in by the registry.
    """

    name: str
    load: str
    format: str
    distribution: str
    extra: str = ""
    toolchain: str | None = None
    own_install: str = ""
    simulates: bool = False
    saturates: bool = False
    is_reference: bool = False
    exact_reference: bool = False
    versioned: bool = False
    beside: tuple[str, ...] = ()
    emulated: bool = False
    counts: tuple[str, ...] = ()
    ships: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    origin: Origin = OWN

    @property
    def install(self) -> str:
        """Command that installs the runtime."""
        if self.toolchain is not None:
            return f"edgecnn toolchain install {self.toolchain}"
        return self.own_install or _install(self.extra, self.origin)

    @property
    def code(self) -> RuntimeCode:
        """What a worker has to know to import the runtime."""
        origin = str(self.origin) if self.origin.distribution else ""
        return RuntimeCode(self.name, self.load, self.distribution, self.install, origin)


@dataclass(frozen=True)
class CompilerRecord:
    """A compiler for NPUs.

    Attributes:
        name: As targets write it under ``compile``.
        load: ``"module:Class"`` of a :class:`~edgecnn.backends.compiler.Compiler`, imported on use; the class
            takes the target's options as keywords.
        options: ``"module:Class"`` of the pydantic model of what a target may write under ``compile``.
        format: Name of the format whose integer files it takes.
        float_parts: ``"module:function"`` that names what in a file computes in float; called in a child.
        distribution: Package that holds the compiler.
        toolchain: The environment that it lives in.
        compiled: Name of the file that it makes.
        distributions: Packages beside edgecnn that read its files back.
        counts: Metrics that it counts, comparable within one version of its package.
        nominal: ``"module:function"`` that writes a network as the file that it takes, with made-up ranges,
            so that changes to the network can be compiled; empty where it tells too little for advice.
        origin: Filled in by the registry.
    """

    name: str
    load: str
    options: str
    format: str
    float_parts: str
    distribution: str
    toolchain: str
    compiled: str
    distributions: tuple[str, ...]
    counts: tuple[str, ...] = ()
    nominal: str = ""
    origin: Origin = OWN


@dataclass(frozen=True)
class Backend:
    """What a vendor's folder, or a package of somebody else's, adds.

    Attributes:
        formats: Its formats.
        runtimes: Its runtimes.
        compilers: Its compilers.
    """

    formats: tuple[FormatRecord, ...] = ()
    runtimes: tuple[RuntimeRecord, ...] = ()
    compilers: tuple[CompilerRecord, ...] = ()
