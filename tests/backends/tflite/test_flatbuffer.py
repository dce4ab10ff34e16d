"""Reading and renaming TFLite files, damaged ones included."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecnn.backends.tflite.flatbuffer import operator_name, read_model, rename_tensors, write_model
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.core.errors import InputError
from tests.backends.conftest import foreign_files
from tests.support.tiny_models import write_tflite


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tflite(tmp_path / "tiny.tflite", quantized=True)


def test_files_that_are_no_tflite_are_refused(tiny: Path, tmp_path: Path) -> None:
    foreign = foreign_files(tmp_path, "tflite", tiny)
    foreign["named as one"] = tmp_path / "named.tflite"
    foreign["named as one"].write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    for what, file in foreign.items():
        with pytest.raises(InputError) as caught:
            inspect(file)
        assert str(file) in caught.value.message, f"the message must name the file that is {what}"
    with pytest.raises(InputError, match="there is no file"):
        inspect(tmp_path / "absent.tflite")


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
def test_a_damaged_file_is_read_or_refused_and_never_crashes(
    data: st.DataObject, tiny: Path, tmp_path: Path
) -> None:
    content = bytearray(tiny.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(bytes(content))
    try:
        inspect(damaged)
    except InputError as error:
        assert str(damaged) in error.message  # noqa: PT017  either outcome is right


def test_tensors_are_named_after_operators(tiny: Path, tmp_path: Path) -> None:
    model = read_model(tiny)
    rename_tensors(model, ("image",), ("scores",))
    write_model(model, tmp_path / "renamed.tflite")
    again = read_model(tmp_path / "renamed.tflite")
    names = [tensor.name.decode() for tensor in again.subgraphs[0].tensors]
    assert names == ["image", "conv_2d_0/constant_1", "conv_2d_0/constant_2", "conv_2d_0", "scores"]


def test_a_custom_operator_has_its_own_name(tiny: Path) -> None:
    model = read_model(tiny)
    code = model.operatorCodes[0]
    code.builtinCode, code.deprecatedBuiltinCode, code.customCode = 32, 32, b"Frobnicate"
    assert operator_name(model, model.subgraphs[0].operators[0]) == "Frobnicate"


def test_the_same_model_is_written_to_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    for name in ("a.tflite", "b.tflite"):
        write_model(read_model(tiny), tmp_path / name)
    assert (tmp_path / "a.tflite").read_bytes() == (tmp_path / "b.tflite").read_bytes()
