"""Reading IR files, and who is not told about it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgecnn.backends.openvino.inspect import inspect
from edgecnn.backends.openvino.ir import read_model, write_model
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
