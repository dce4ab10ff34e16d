"""Properties read back from a model file, and the description of an open runtime."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, JsonValue, computed_field

from edgecnn.core.documents.document import Document
from edgecnn.ondevice.tensor import TensorInfo


class Inspection(Document):
    """Properties read back from a model file; nothing is copied from the request."""

    format: str
    """Name of the format."""

    precision: str
    """Precision of the computing operations: ``fp32``, ``fp16``, ``int8`` or ``mixed``."""

    ops: dict[str, int]
    """Number of operations by type, as the runtime will execute them (including quantize and dequantize)."""

    float_op_names: tuple[str, ...]
    """Names of the operations that compute in floating point in an integer file; for a float file, of all
    computing operations."""

    integer_macs: float | None = None
    """Share of the multiply-accumulates that compute in integers; of the computing operations if nothing
    multiplies. None if the format does not count it."""

    transposes: int
    """Number of layout transposes."""

    transpose_names: tuple[str, ...] = ()
    """Names of the layout transposes, if the format knows them."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    parameters: int
    """Number of weight elements."""

    size_bytes: int
    """Bytes of the file or files."""

    details: dict[str, JsonValue] = Field(default_factory=dict)
    """Properties that only this format has: opset, producer, weight types, ..."""

    left_out: ClassVar[frozenset[str]] = frozenset({"integer_macs", "transpose_names"})

    @property
    def integer_share(self) -> float | None:
        """Return the share of the multiply-accumulates in integers; None if it is not known."""
        clear = {"int8": 1.0, "fp16": 0.0, "fp32": 0.0}
        return clear.get(self.precision) if self.integer_macs is None else self.integer_macs

    @computed_field
    @property
    def float_ops(self) -> int:
        """Return the number of operations that compute in floating point."""
        return len(self.float_op_names)


class OpenModel(Document):
    """Description of an open runtime and its model; read back from them, not copied from the request."""

    runtime: str
    """Name in the table of runtimes."""

    version: str
    """Version of the runtime's package."""

    execution: Literal["shipping", "reference"]
    threads: int
    """Threads of one inference."""

    providers: tuple[str, ...]
    """Executors of the operations by the runtime's names: an execution provider, a delegate."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    memory_bytes: dict[str, int] = Field(default_factory=dict)
    """Memory that the runtime counts, by purpose; empty if it counts none."""
