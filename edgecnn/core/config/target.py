"""Targets: format + precision + runtime + device, one YAML file each."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from edgecnn.core.config import paths
from edgecnn.core.config.base import Schema
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


class VerificationLimits(Schema):
    """Limits of the verification chain; where not given, those of the target's precision hold."""

    conversion_sqnr_db: float | None = None
    """Link 1: least signal-to-noise ratio of the float file's outputs against PyTorch's."""

    quantization_sqnr_db: float | None = None
    """Link 2: least ratio of the target's file in reference execution against the float file."""

    quantization_agreement: Fraction | None = None
    """Link 2: least share of images with the same class."""

    quantization_map_sqnr_db: float | None = None
    """Link 2: the same for maps, such as a detector's heads, of their changes from place to place."""

    quantization_collapsed: Fraction | None = None
    """Link 2: most channels of a map that may collapse to a few distinct values, as a share."""

    quantization_score_levels: float | None = None
    """Link 2: least distinct scores of a detector's boxes on real images, after decoding."""

    kernels_gap_db: float | None = None
    """Link 3: most that shipping execution may lose to reference execution."""

    kernels_ample_db: float | None = None
    """Link 3: ratio against the float file beyond which a further loss is not counted."""

    kernels_agreement: Fraction | None = None
    """Link 3: least share of images with the same class in both executions."""

    kernels_max_abs: float | None = None
    """Link 3: most that an output may differ between both executions; 0 asks for the same bits."""

    kernels_max_steps: float | None = None
    """Link 3: the same in steps of the integer output, which differ from network to network."""

    task_drop: Fraction | None = None
    """Link 4: most that the task metric may fall below fp32 PyTorch on the same images."""


class CompileConfig(Schema):
    """What a compiler for an NPU compiles for: its name, and options that its backend knows and checks."""

    model_config = ConfigDict(extra="allow")

    compiler: str
    """Name of the compiler."""


class Target(Schema):
    """What a network is exported for."""

    name: str = ""
    """The file's name, whatever the file says; filled in on loading."""

    description: str
    extends: str | None = None
    """Another target whose keys hold where this one has none."""

    format: str
    """Format of the file, one that a backend brings."""

    precision: Literal["fp32", "fp16", "int8"]
    runtime: str
    """What executes the file as it ships; for an NPU, a simulator of it."""

    reference_runtime: str | None = None
    """What executes the float file and the reference; ``runtime`` itself where none is given."""

    compile: CompileConfig | None = None
    """The NPU that the file is compiled for."""

    isa: Isa = "any"
    """Instruction set that the quantization scheme is chosen for."""

    threads: int = Field(default=1, ge=1, le=256)
    """Threads that the runtime uses, in evaluation and in benchmarks."""

    channel_multiple: int = Field(default=8, ge=1, le=1024)
    """Numbers of channels that its kernels or its hardware compute without waste are multiples of this."""

    quantize: QuantizeConfig = QuantizeConfig()
    """How the file is quantized."""

    verification: VerificationLimits = VerificationLimits()
    budgets: Budgets = Budgets()


def target_names() -> list[str]:
    """Return the names of every target on the search path."""
    return sorted(paths.available("targets"))
