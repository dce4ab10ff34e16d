"""Reading IR files, and who is not told about it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.openvino.inspect import inspect
from edgecnn.backends.openvino.ir import openvino, read_model, write_model
from edgecnn.core.errors import InputError
from tests.backends.conftest import Make, foreign_files
from tests.support.tiny_models import write_openvino


def test_files_that_are_no_ir_are_refused(tmp_path: Path) -> None:
    whole = write_openvino(tmp_path / "tiny.xml")
    for what, file in foreign_files(tmp_path, "openvino", whole).items():
        if what == "truncated by a byte":
            continue  # the line break after the last element
        shutil.copy(whole.with_suffix(".bin"), file.with_suffix(".bin"))
        with pytest.raises(InputError) as caught:
            inspect(file)
        assert str(file) in caught.value.message, f"the message must name the file that is {what}"
        assert "\n" not in caught.value.message
    with pytest.raises(InputError, match="there is no file"):
        inspect(tmp_path / "absent.xml")


def test_missing_and_truncated_weights_are_refused(tmp_path: Path) -> None:
    whole = write_openvino(tmp_path / "tiny.xml")
    weights = whole.with_suffix(".bin")
    weights.write_bytes(weights.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"tiny\.xml cannot be read by OpenVINO"):
        inspect(whole)
    weights.unlink()
    with pytest.raises(InputError, match=r"there is no file .*tiny\.bin"):
        inspect(whole)


def test_the_same_model_is_written_to_the_same_bytes(lower: Make, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_model(read_model(lower("openvino").file), tmp_path / f"{name}.xml")
    for suffix in (".xml", ".bin"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
        assert (tmp_path / f"a{suffix}").read_bytes() == lower("openvino").file.with_suffix(
            suffix
        ).read_bytes()


def test_telemetry_is_out_of_reach_of_converter_and_quantizer() -> None:
    code = (
        "import sys; import edgecnn.backends.openvino.ir; import nncf; import openvino.tools.ovc; "
        "sys.exit(any(name.startswith('openvino_telemetry') and module is not None "
        "for name, module in sys.modules.items()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("operator", ["broadcast", "tile", "range"])
def test_constants_that_grow_are_refused(tmp_path: Path, operator: str) -> None:
    """A file of a few hundred bytes computes 8 GB from constants when it is opened."""
    opset = openvino.opset13
    image = opset.parameter([1, 3, 8, 8], np.float32, name="x")
    sizes = opset.constant(np.array([1 << 16, 1 << 15], np.int64))
    ends = [opset.constant(np.int64(value)) for value in (0, 1 << 31, 1)]
    grown = {
        "broadcast": lambda: opset.broadcast(opset.constant(np.float32(1)), sizes),
        "tile": lambda: opset.tile(opset.constant(np.ones((1, 1), np.float32)), sizes),
        "range": lambda: opset.range(*ends, "f32"),
    }[operator]()
    axes = opset.constant(np.arange(1 if operator == "range" else 2))
    end = opset.add(image, opset.reduce_sum(grown, axes))
    file = tmp_path / "model.xml"
    openvino.save_model(openvino.Model([end], [image]), str(file), compress_to_fp16=False)
    with pytest.raises(InputError, match="computes more than 536870912 values"):
        read_model(file)
