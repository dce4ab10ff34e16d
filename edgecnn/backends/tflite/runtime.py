"""LiteRT, and its predecessor tflite-runtime: the same Interpreter from two packages."""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, ClassVar

from edgecnn.backends.worker.runtime import Description, Options, Runtime, check_options, refused
from edgecnn.ondevice.runner import litert_tensor

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from edgecnn.ondevice.tensor import Array


class LiteRt(Runtime):
    """A TFLite file in the LiteRT interpreter on the CPU.

    Shipping execution is the interpreter's default: the XNNPACK delegate runs the operations that it
    supports, built-in kernels the rest. Reference execution uses the reference kernels, which define the
    integer arithmetic to the last bit (XNNPACK's differ by a few steps) and take 10 to 30 times as long.
    """

    name: ClassVar[str] = "litert"
    package: ClassVar[str] = "ai-edge-litert"
    module: ClassVar[str] = "ai_edge_litert.interpreter"

    def __init__(self, interpreter: Any, options: Options) -> None:
        self._interpreter = interpreter
        self._options = options
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        self._input_indices = [detail["index"] for detail in inputs]
        self._output_indices = [detail["index"] for detail in outputs]
        self._inputs = tuple(litert_tensor(detail) for detail in inputs)
        self._outputs = tuple(litert_tensor(detail) for detail in outputs)

    @classmethod
    def open(cls, model: Path, options: Options) -> LiteRt:
        """Load ``model``; the interpreter has no further options.

        Raises:
            InputError: The file is not a TFLite model, or holds an operation without a kernel.
            UsageError: ``options.extra`` is not empty.
        """
        check_options(cls.name, options)
        library = importlib.import_module(cls.module)
        try:
            interpreter = library.Interpreter(
                model_path=str(model),
                num_threads=options.threads,
                experimental_op_resolver_type=_resolver(library, options),
            )
            interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise refused(model, cls.name, error) from error
        return cls(interpreter, options)

    def run(self, inputs: list[Array]) -> list[Array]:
        """Run one inference."""
        for index, value in zip(self._input_indices, inputs, strict=True):
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._output_indices]

    def describe(self) -> Description:
        """Describe the executor of the model, and its inputs and outputs."""
        return Description(
            runtime=self.name,
            version=version(self.package),
            execution=self._options.execution,
            threads=self._options.threads,
            providers=self._providers(),
            inputs=self._inputs,
            outputs=self._outputs,
        )

    def _providers(self) -> tuple[str, ...]:
        if self._options.execution == "reference":
            return ("reference kernels",)
        # A delegated partition appears as an additional operation, and its operations stay in the list.
        delegated = any(op["op_name"] == "DELEGATE" for op in self._interpreter._get_ops_details())
        return ("XNNPACK", "built-in kernels") if delegated else ("built-in kernels",)


class TfliteRuntime(LiteRt):
    """LiteRT's older form tflite-runtime, which needs a separate environment (numpy below 2)."""

    name = "tflite-runtime"
    package = "tflite-runtime"
    module = "tflite_runtime.interpreter"


def _resolver(library: ModuleType, options: Options) -> Any:
    kinds = library.OpResolverType
    return kinds.BUILTIN_REF if options.execution == "reference" else kinds.AUTO
