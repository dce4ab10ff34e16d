"""ONNX files that are written node by node, and their comparison with the imported network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.imported.network import ImportedNetwork
from edgecnn.models.imported.onnx_file import read_model, run
from edgecnn.models.imported.onnx_graph import cut, link

SIZE = 32
RNG = np.random.default_rng(0)
TWICE = np.array([1, 1, 2, 2], np.float32)


def weights(*shape: int) -> np.ndarray:
    """Return random weights, float32, whose products stay of the size of their inputs."""
    return np.asarray(RNG.normal(size=shape) / np.sqrt(np.prod(shape[1:]) or 1), np.float32)


class Writer:
    """Writes an ONNX file node by node; every tensor is named after its node's number."""

    def __init__(self, channels: int = 3, size: int | str = SIZE) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.input = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, channels, size, size])

    def constant(self, value: np.ndarray) -> str:
        """Add a constant and return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, operator: str, *inputs: str, count: int = 1, **attributes: Any) -> Any:
        """Add a node; return the name of its output, or the names if there are several."""
        place = len(self.nodes)
        names = [f"t{place}" if count == 1 else f"t{place}_{index}" for index in range(count)]
        self.nodes.append(helper.make_node(operator, inputs, names, name=f"n{place}", **attributes))
        return names[0] if count == 1 else names

    def conv(self, source: str, into: int, out: int, kernel: int = 1, **attributes: Any) -> str:
        """Add a convolution with random weights that keeps the size, and return its output."""
        kernel_, bias = self.constant(weights(out, into, kernel, kernel)), self.constant(weights(out))
        return str(self.add("Conv", source, kernel_, bias, pads=[kernel // 2] * 4, **attributes))

    def save(self, file: Path, *outputs: str, opset: int = 13) -> Path:
        """Write the file and return it."""
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "test", [self.input], infos, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        onnx.save(model, file)
        return file


def answers_alike(file: Path, outputs: tuple[str, ...] = ()) -> list[np.ndarray]:
    """Import a file and compare the network with ONNX Runtime; return the answers."""
    found = import_onnx(file, outputs)
    module = ImportedNetwork(found.graph).eval()
    module.load_state_dict(found.state)
    image = RNG.uniform(-1, 1, (1, found.contract.channels, SIZE, SIZE)).astype(np.float32)
    with torch.inference_mode():
        answer = module(torch.from_numpy(image))
    made = [part.numpy() for part in ((answer,) if isinstance(answer, torch.Tensor) else answer)]
    want = run(cut(link(read_model(file), file), found.graph.outputs), file, image)
    for name, one, other in zip(found.graph.outputs, want, made, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-4, err_msg=name)
    return made


def integers(*values: int) -> np.ndarray:
    """Return a constant of shapes, axes or places, int64."""
    return np.array(values, np.int64)
