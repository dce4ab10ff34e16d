"""Inspection of model files from elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgecnn.core import process
from edgecnn.core.errors import EdgecnnError, WorkerError
from edgecnn.pipeline.inspect import inspect_model

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    """Return a file with one convolution."""
    kernel = numpy_helper.from_array(np.ones((4, 3, 3, 3), np.float32), "w")
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 16, 16])]
    ends.append(helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4, 14, 14]))
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])], "g", ends[:1], ends[1:], [kernel]
    )
    file = tmp_path / "net.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), file)
    return file


def test_a_file_is_inspected_within_the_limit_on_memory(model_file: Path) -> None:
    found = inspect_model(model_file)
    assert [tensor.name for tensor in found.inspection.inputs] == ["x"]


def test_the_process_that_inspects_a_file_has_a_limit_on_memory(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit below what libraries need stands for a file that asks for more than the usual limit."""
    monkeypatch.setattr(process, "FOREIGN_BYTES", 1 << 30)
    with pytest.raises(WorkerError, match="ran out of memory") as caught:
        inspect_model(model_file)
    assert "\n" not in caught.value.message


def test_the_limit_on_memory_grows_with_the_files(tmp_path: Path) -> None:
    large, missing = tmp_path / "large", tmp_path / "missing"
    large.touch()
    os.truncate(large, 1 << 30)
    assert process.memory_for(large, missing) == process.memory_for() + (8 << 30)


def test_a_file_that_is_no_model_is_one_error(tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"nothing")
    with pytest.raises(EdgecnnError, match=r"net\.onnx"):
        inspect_model(file)
