"""Records of a vendor's format, runtimes and compilers.

A vendor's folder has a module ``backend`` with one :class:`Backend` named ``BACKEND``. Records are data: this
module and every ``backend`` module import only the standard library, and the code that they name is imported
on use. All other code that depends on a format, a runtime or a compiler is derived from these records.
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
    """The dependencies of a format's stage besides its inputs.

    Attributes:
        version: Increased whenever the same inputs give other outputs than before.
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
        name: Its name in targets.
        load: ``"module:Class"`` of a :class:`~edgecnn.backends.format.Format`, imported on use; the class
            takes no arguments and its module imports vendor libraries inside its functions.
        suffix: Suffix of the model file, with the dot.
        runtime: Name of the runtime that executes its float files and its reference.
        precisions: Precisions that its files can have.
        layout: Order of the dimensions of its files' images.
        lower: Version of the conversion from PyTorch.
        quantize: Version of the native quantizer; a format of float32 files alone has one too, unused.
        inspect: Version of the inspection.
        kernels: ``"module:function"`` that returns the properties of the integer kernels on an instruction
            set (:class:`edgecnn.quantization.kernels.Kernels`), imported on use; only a format without int8
            has none.
        extra: Extra of edgecnn that installs its packages.
        companions: Suffixes of further files of a model, with the dot.
        integer_int8: Whether an int8 file is integer from its input to its output, so that no layer of it can
            stay in float.
        package_rank: Position in the order in which packages prefer formats, lowest first; None if packages
            cannot contain the format.
        hub_library: Library that executes it, by Hugging Face's name.
        origin: Set by the registry.
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
    kernels: str = ""
    extra: str = ""
    companions: tuple[str, ...] = ()
    integer_int8: bool = False
    package_rank: int | None = None
    hub_library: str = ""
    origin: Origin = OWN

    @property
    def install(self) -> str:
        """Return the command that installs the format's packages."""
        return _install(self.extra, self.origin)


@dataclass(frozen=True)
class RuntimeRecord:
    """A runtime that executes files of a format.

    Attributes:
        name: Its name in targets.
        load: ``"module:Class"`` of a :class:`~edgecnn.backends.worker.runtime.Runtime`, imported in the
            worker on use: the module may import the standard library, numpy and the runtime only.
        format: Name of the format whose files it executes.
        distribution: Package that holds the runtime.
        extra: Extra of edgecnn that installs it.
        toolchain: Separate environment that contains it; None if it is installed with edgecnn.
        own_install: Command that installs it, if that is neither the extra nor the toolchain.
        simulates: Whether it simulates other hardware, so that its speed is meaningless.
        saturates: Whether its int8 kernels saturate on instruction sets where pairs of products can.
        is_reference: Whether its outputs equal the format's reference execution, bit for bit.
        exact_reference: Whether its reference execution of integer files gives the same bits everywhere.
        versioned: Whether several versions can be installed, each in a separate environment.
        beside: Further requirements of such an environment.
        emulated: Whether the emulated devices have it.
        counts: Metrics that it counts, which are comparable within one version of its package.
        ships: Platforms whose packages it can execute, with the requirements of such a package.
        origin: Set by the registry.
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
        """Return the command that installs the runtime."""
        if self.toolchain is not None:
            return f"edgecnn toolchain install {self.toolchain}"
        return self.own_install or _install(self.extra, self.origin)

    @property
    def code(self) -> RuntimeCode:
        """Return the data from which a worker imports the runtime."""
        origin = str(self.origin) if self.origin.distribution else ""
        return RuntimeCode(self.name, self.load, self.distribution, self.install, origin)


@dataclass(frozen=True)
class CompilerRecord:
    """A compiler for NPUs.

    Attributes:
        name: Its name in targets, under ``compile``.
        load: ``"module:Class"`` of a :class:`~edgecnn.backends.compiler.Compiler`, imported on use; the class
            takes the target's options as keywords.
        options: ``"module:Class"`` of the pydantic model of a target's options under ``compile``.
        format: Name of the format whose integer files it takes.
        float_parts: ``"module:function"`` that names the float parts of a file; called in a child process.
        distribution: Package of the compiler.
        toolchain: Environment that contains it.
        compiled: Name of the file that it writes.
        distributions: Packages besides edgecnn that read its files.
        counts: Metrics that it counts, which are comparable within one version of its package.
        nominal: ``"module:function"`` that writes a network as an input file with invented ranges, so that
            changes to the network can be compiled; empty if its reports are too poor for advice.
        origin: Set by the registry.
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
    """The records of a vendor's folder or of another package.

    Attributes:
        formats: Its formats.
        runtimes: Its runtimes.
        compilers: Its compilers.
    """

    formats: tuple[FormatRecord, ...] = ()
    runtimes: tuple[RuntimeRecord, ...] = ()
    compilers: tuple[CompilerRecord, ...] = ()
