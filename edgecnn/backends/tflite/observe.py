"""Observation of every tensor of a TFLite graph on the calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_edge_litert.interpreter import Interpreter

from edgecnn.backends.tflite.flatbuffer import read_model, type_name
from edgecnn.backends.tflite.paddings import infinite_paddings
from edgecnn.quantization.ranges import Observations, sample_places

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from edgecnn.backends.calibration import Calibration
    from edgecnn.quantization.sqnr import Answer


def observe(model: Path, images: Calibration, *, sampled: bool = False) -> tuple[Observations, list[Answer]]:
    """Observe the range of every float tensor, image by image, and the float outputs.

    Args:
        model: A float32 file with one input.
        images: NHWC images.
        sampled: Whether to sample values between the extremes as well.

    Returns:
        The observations, and the float network's outputs for every image.
    """
    interpreter = Interpreter(model_path=str(model), num_threads=1, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    entrance = interpreter.get_input_details()[0]["index"]
    exits = [item["index"] for item in interpreter.get_output_details()]
    tensors = _computed(model)
    truth: list[Answer] = []
    samples: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in tensors if sampled}

    def observed() -> Iterator[dict[str, tuple[float, float]]]:
        for image in images:
            interpreter.set_tensor(entrance, image)
            interpreter.invoke()
            truth.append(tuple(interpreter.get_tensor(index).ravel() for index in exits))
            for name, kept in samples.items():
                values = interpreter.get_tensor(tensors[name]).ravel()
                kept.append(values[sample_places(values.size)])
            yield {name: _bounds(interpreter, index) for name, index in tensors.items()}

    return Observations.gather(observed(), samples), truth


def _computed(model: Path) -> dict[str, int]:
    """Return names and indices of the graph's input and of every computed float tensor.

    Constants are left out, because the quantizer drops their scales per channel if they have a range. A
    tensor that is padded with minus infinity is observed where it is not padded.
    """
    content = read_model(model)
    graph = content.subgraphs[0]
    inside = {padding.padded: padding.source_index for padding in infinite_paddings(content)}
    indices = [*graph.inputs, *(index for operator in graph.operators for index in operator.outputs)]
    tensors = {int(index): graph.tensors[index] for index in indices}
    names = {
        tensor.name.decode("utf-8"): index
        for index, tensor in tensors.items()
        if type_name(tensor) == "float32"
    }
    return {name: inside.get(name, index) for name, index in names.items()}


def _bounds(interpreter: Interpreter, index: int) -> tuple[float, float]:
    values = interpreter.get_tensor(index)
    return float(values.min()), float(values.max())
