"""What is read back from a model file, and what a runtime says of an open one."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue, computed_field

from edgecnn.core.documents.document import Document
from edgecnn.ondevice.tensor import TensorInfo


class Inspection(Document):
    """What is read back from a model file; nothing here is echoed from the request."""

    format: str
    """Name of the format."""

    precision: str
    """``fp32``, ``fp16``, ``int8`` or ``mixed``: of the operations that compute."""

    ops: dict[str, int]
    """Operation type to count, as the runtime will execute them (quantize and dequantize included)."""

    float_op_names: tuple[str, ...]
    """Names of the operations that compute in floating point though others are integer; for a float file,
    every computing operation."""

    transposes: int
    """Number of layout transposes."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    parameters: int
    """Number of weight elements."""

    size_bytes: int
    """Bytes of the file or files."""

    details: dict[str, JsonValue] = Field(default_factory=dict)
    """What only this format has: opset, producer, weight types, ..."""

    @computed_field
    @property
    def float_ops(self) -> int:
        """Number of operations that compute in floating point."""
        return len(self.float_op_names)


class OpenModel(Document):
    """What an open runtime says of itself and of the model; read back, not echoed."""

    runtime: str
    """Name in the table of runtimes."""

    version: str
    """Version of the runtime's package."""

    execution: Literal["shipping", "reference"]
    threads: int
    """Threads of one inference."""

    providers: tuple[str, ...]
    """What executes the operations, in the runtime's words: an execution provider, a delegate."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    memory_bytes: dict[str, int] = Field(default_factory=dict)
    """Memory that the runtime counts itself, by what it is for; empty where it counts none."""
