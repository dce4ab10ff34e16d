"""TensorFlow Lite for Microcontrollers, run on this machine."""

from __future__ import annotations

import importlib
import os
import re
import tempfile
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from edgecnn.backends.worker.runtime import Description, Options, Runtime, check_options, refused
from edgecnn.core.errors import InputError
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_ARENA_BYTES = 256 << 20
_SPARE_ARENA_BYTES = 16 << 20
_ALLOCATED = re.compile(r"Arena allocation (total|head|tail) (\d+) bytes")


class TfliteMicro(Runtime):
    """A TFLite file in the microcontroller's interpreter, with its portable kernels.

    The kernels give the same bits as LiteRT's reference kernels. Shipping and reference execution are the
    same. The arena is counted on this machine, whose pointers are twice as wide as a microcontroller's:
    activations (``arena_head``) take the same space there, the bookkeeping (``arena_tail``) takes less.
    """

    name: ClassVar[str] = "tflite-micro"
    package: ClassVar[str] = "tflite-micro"

    def __init__(
        self, interpreter: Any, ends: tuple[tuple[TensorInfo, ...], tuple[TensorInfo, ...]], data: bytes
    ) -> None:
        self._interpreter = interpreter
        self._inputs, self._outputs = ends
        # The interpreter reads weights in place but does not keep them alive.
        self._data = data
        self._memory = self._count_memory()

    @classmethod
    def open(cls, model: Path, options: Options) -> TfliteMicro:
        """Load ``model``.

        Raises:
            InputError: The file is not a TFLite model, or holds an operation without a kernel.
            UsageError: ``options.extra`` is not empty.
        """
        check_options(cls.name, options)
        library = importlib.import_module("tflite_micro.python.tflite_micro.runtime")
        data = model.read_bytes()
        # A broken file crashes the process in the interpreter's reader, so files that are not TFLite are
        # refused here.
        if data[4:8] != b"TFL3":
            raise InputError(f"{model} is not a TFLite file")
        try:
            network = library.convert_bytearray_to_object(bytearray(data))
            _refuse_outside_weights(model, network)
            arena = min(MAX_ARENA_BYTES, 10 * len(data) + _SPARE_ARENA_BYTES)
            interpreter = library.Interpreter.from_bytes(data, arena_size=arena)
            inputs, outputs = _ends(network)
            ends = (
                tuple(_tensor(name, interpreter.get_input_details(at)) for at, name in enumerate(inputs)),
                tuple(_tensor(name, interpreter.get_output_details(at)) for at, name in enumerate(outputs)),
            )
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise refused(model, cls.name, error) from error
        return cls(interpreter, ends, data)

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference."""
        for index, value in enumerate(inputs):
            self._interpreter.set_input(value, index)
        self._interpreter.invoke()
        return [self._interpreter.get_output(index) for index in range(len(self._outputs))]

    def describe(self) -> Description:
        """Describe the executor of the model, its inputs and outputs, and the size of its arena."""
        return Description(
            runtime=self.name,
            version=version(self.package),
            execution="shipping",
            threads=1,
            providers=("portable kernels",),
            inputs=self._inputs,
            outputs=self._outputs,
            memory_bytes=self._memory,
        )

    def _count_memory(self) -> dict[str, int]:
        """Return the sizes of the arena, which the interpreter only prints."""
        self.run([np.zeros(info.shape, info.dtype) for info in self._inputs])
        with tempfile.TemporaryFile() as said:
            kept = os.dup(2)
            try:
                os.dup2(said.fileno(), 2)
                self._interpreter.print_allocations()
            finally:
                os.dup2(kept, 2)
                os.close(kept)
            said.seek(0)
            text = said.read().decode(errors="replace")
        return {
            "arena" if kind == "total" else f"arena_{kind}": int(size)
            for kind, size in _ALLOCATED.findall(text)
        }


def _refuse_outside_weights(model: Path, network: Any) -> None:
    """Refuse weights behind the flatbuffer: the interpreter would silently compute with zeros."""
    if any((buffer.offset or 0) > 1 for buffer in network.buffers):
        raise InputError(
            f"{model} keeps weights behind its flatbuffer, where microcontrollers don't look",
            hint="export it again for a target of this version: its files keep them inside",
        )


def _ends(network: Any) -> tuple[list[str], list[str]]:
    """Return the names of the graph's inputs and outputs."""
    graph = network.subgraphs[0]
    names = [tensor.name.decode("utf-8") for tensor in graph.tensors]
    return [names[index] for index in graph.inputs], [names[index] for index in graph.outputs]


def _tensor(name: str, details: Mapping[str, Any]) -> TensorInfo:
    scales = details["quantization_parameters"]["scales"]
    quantized = len(scales) == 1
    return TensorInfo(
        name=name,
        shape=tuple(int(size) for size in details["shape"]),
        dtype=np.dtype(details["dtype"]).name,
        scale=float(scales[0]) if quantized else None,
        zero_point=int(details["quantization_parameters"]["zero_points"][0]) if quantized else None,
        channels_last=True,
    )
