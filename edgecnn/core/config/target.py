"""Targets: format + precision + runtime + device, one YAML file each."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from edgecnn.core.config import paths
from edgecnn.core.config.base import Schema
from edgecnn.core.config.bounds import BoundedSchema
from edgecnn.core.config.budgets import Budgets
from edgecnn.core.config.quantities import Fraction
from edgecnn.core.config.quantization import QuantizeConfig

Isa = Literal[
    "any",
    "x86-64",
    "x86-64-avx2",
    "x86-64-avx512",
    "x86-64-avx-vnni",
    "x86-64-avx512-vnni",
    "armv7",
    "arm64",
    "arm64-dotprod",
    "arm64-i8mm",
]


class VerificationLimits(BoundedSchema):
    """Limits of the verification chain; by default those of the target's precision."""

    conversion_sqnr_db: float | None = None
    """Link 1: smallest SQNR of the float file's outputs against PyTorch's; 100 dB where all is right."""

    quantization_sqnr_db: float | None = None
    """Link 2: smallest SQNR of the target's file in reference execution against the float file."""

    quantization_agreement: Fraction | None = None
    """Link 2: smallest share of images with the same class."""

    quantization_map_sqnr_db: float | None = None
    """Link 2: smallest SQNR of maps, such as a detector's heads, after subtracting each channel's mean."""

    quantization_collapsed: Fraction | None = None
    """Link 2: largest share of a map's channels that may collapse to a few distinct values."""

    quantization_score_levels: float | None = None
    """Link 2: smallest number of distinct scores of a detector's boxes, or a quarter of the float file's."""

    kernels_gap_db: float | None = None
    """Link 3: largest loss of SQNR from reference to shipping execution."""

    kernels_ample_db: float | None = None
    """Link 3: SQNR against the float file above which a further loss is not counted."""

    kernels_agreement: Fraction | None = None
    """Link 3: smallest share of images with the same class in both executions."""

    kernels_max_abs: float | None = None
    """Link 3: largest difference of an output between both executions; 0 requires the same bits."""

    kernels_max_steps: float | None = None
    """Link 3: the same difference in steps of the integer output, which depend on the network."""

    task_drop: Fraction | None = None
    """Link 4: largest drop of the task metric below fp32 PyTorch on the same images."""


class CompileConfig(Schema):
    """The compiler for an NPU, with options that its backend defines and checks."""

    model_config = ConfigDict(extra="allow")

    compiler: str
    """Name of the compiler."""


class Target(Schema):
    """The format, runtime and device that a network is exported for."""

    name: str = ""
    """Name of the target, set from the file's name on loading."""

    description: str
    """Purpose of the target, in one sentence; ``edgecnn targets`` shows it."""

    extends: str | None = None
    """Another target, whose keys apply where this one has none."""

    format: str
    """Format of the file, one of the installed backends'."""

    precision: Literal["fp32", "fp16", "int8"]
    """Type of the stored weights; with ``int8`` the file computes in integers too."""

    runtime: str
    """Runtime that executes the shipped file; for an NPU, its simulator."""

    reference_runtime: str | None = None
    """Runtime that executes the float file and the reference; by default ``runtime``."""

    compile: CompileConfig | None = None
    """The NPU that the file is compiled for."""

    isa: Isa = "any"
    """Instruction set for which the quantization scheme is chosen."""

    threads: int = Field(default=1, ge=1, le=256)
    """Threads that the runtime uses, in evaluation and in benchmarks."""

    channel_multiple: int = Field(default=8, ge=1, le=1024)
    """Number of channels whose multiples the kernels or the hardware compute without waste."""

    quantize: QuantizeConfig = QuantizeConfig()
    """Quantization of the file."""

    verification: VerificationLimits = VerificationLimits()
    """Limits of the verification chain, where they differ from those of the precision."""

    budgets: Budgets = Budgets()
    """Limits on the measured values of the file; those of a pipeline come before them."""


def target_names() -> list[str]:
    """Return the names of every target on the search path."""
    return sorted(paths.available("targets"))
