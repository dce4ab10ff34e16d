"""TFLite files: conversion by tf2onnx, execution in TensorFlow Lite with all tensors kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.core.errors import InputError
from edgecnn.core.text import one_line
from edgecnn.models.tensorflow.worker.graph import OPSET, write
from edgecnn.models.tensorflow.worker.tflite_check import read_checked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

    Values = npt.NDArray[Any]

_IMAGE = 4
_ACTIVATIONS = frozenset({"Relu", "Clip", "Min", "Max", "Tanh"})
_INTEGERS = (np.int8, np.uint8, np.int16)


class FloatTflite:
    """A float TFLite file of one image.

    Attributes:
        outputs: Names of its outputs.

    Raises:
        InputError: TensorFlow Lite cannot open the file, it is quantized, or takes no image.
    """

    raw_pixels = False

    def __init__(self, file: Path) -> None:
        import tensorflow as tf
        from tensorflow.lite.python import schema_py_generated

        self._file = file
        read_checked(file, schema_py_generated)
        try:
            self._interpreter = tf.lite.Interpreter(
                model_path=str(file),
                num_threads=1,
                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
                experimental_preserve_all_tensors=True,
            )
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise InputError(
                f"TensorFlow Lite cannot open {file}: {one_line(error)}",
                hint="the file is damaged, or has operations that TensorFlow Lite does not have",
            ) from error
        self._details = self._interpreter.get_tensor_details()
        _refuse_quantized(file, self._details, self._interpreter)
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        listed = ", ".join(f"{item['name']} {item['shape'].tolist()}" for item in inputs)
        if len(inputs) != 1 or len(inputs[0]["shape"]) != _IMAGE:
            raise InputError(
                f"{file} takes {listed or 'nothing'}; a network of one image is needed",
                hint="convert it again with one input, the image",
            )
        self._input = inputs[0]
        self._outputs = [item["index"] for item in outputs]
        self.outputs = tuple(item["name"] for item in outputs)
        self._maps = [item["name"] for item in outputs if len(item["shape"]) == _IMAGE]
        self.channels_last = int(self._input["shape"][3]) in {1, 3}

    def convert(self, out: Path) -> None:
        """Write the file as ONNX with channels first.

        Raises:
            InputError: tf2onnx cannot convert an operation.
        """
        from tf2onnx.convert import from_tflite

        def converted() -> Any:
            model, _ = from_tflite(
                str(self._file),
                input_names=[self._input["name"]],
                output_names=list(self.outputs),
                opset=OPSET,
                inputs_as_nchw=[self._input["name"]] if self.channels_last else [],
                outputs_as_nchw=self._maps if self.channels_last else [],
            )
            name_activations(model.graph, {item["name"] for item in self._details})
            return model

        write(converted, out)

    def run(self, image: Values) -> list[Values]:
        """Return the outputs for an image in the layout of the file."""
        self._invoke(image)
        return [self._interpreter.get_tensor(index) for index in self._outputs]

    def tensors(self, image: Values, names: Sequence[str]) -> dict[str, Values]:
        """Return those of the named tensors that the file has, for an image in the layout of the file."""
        self._invoke(image)
        places = {item["name"]: item["index"] for item in self._details if item["dtype"] == np.float32}
        found: dict[str, Values] = {}
        for name in names:
            if name in places:
                try:
                    found[name] = self._interpreter.get_tensor(places[name])
                except ValueError:  # a tensor that no kernel has filled
                    continue
        return found

    def _invoke(self, image: Values) -> None:
        self._interpreter.set_tensor(self._input["index"], image.astype(self._input["dtype"]))
        self._interpreter.invoke()


def _refuse_quantized(file: Path, details: Sequence[Any], interpreter: Any) -> None:
    """Refuse a file with tensors on a grid: it is finished, or its weights have lost their float values."""
    grids = [
        item
        for item in details
        if item["dtype"] in _INTEGERS and len(item["quantization_parameters"]["scales"])
    ]
    if not grids:
        return
    computed = {index for operation in interpreter._get_ops_details() for index in operation["outputs"]}
    if any(item["index"] in computed for item in grids):
        raise InputError(
            f"{file} is a finished {np.dtype(grids[0]['dtype']).name} file: nothing is left to quantize",
            hint="`edgecnn inspect` shows it; to make one with proofs, give the float network it was made of",
        )
    raise InputError(
        f"{file} has float layers with {np.dtype(grids[0]['dtype']).name} weights, which are rounded already",
        hint="give the file without dynamic-range quantization, or the network it was converted from",
    )


def name_activations(graph: Any, names: set[str]) -> None:
    """Give the result of an activation the name that TFLite gives the result of both, in place.

    tf2onnx gives it to the operation before an activation that TFLite computes with it.
    """
    outputs = {value.name for value in graph.output}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    renamed = []
    for node in graph.node:
        for name in [one for one in node.output if one in names and one not in outputs]:
            last = name
            while (
                len(readers.get(last, ())) == 1
                and readers[last][0].op_type in _ACTIVATIONS
                and readers[last][0].output[0] not in names
                and readers[last][0].output[0] not in outputs
            ):
                last = readers[last][0].output[0]
            if last != name:
                renamed.append((name, last))
    for name, last in renamed:
        _rename(graph, name, f"{name}/before")
        _rename(graph, last, name)


def _rename(graph: Any, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                if name == old:
                    names[place] = new
    for value in graph.value_info:
        if value.name == old:
            value.name = new
