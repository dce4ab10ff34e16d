"""Reading and renaming TFLite files, damaged ones included."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgecnn.backends.tflite import flatbuffer
from edgecnn.backends.tflite.flatbuffer import (
    MAX_NUMBERS,
    model_bytes,
    operator_name,
    read_model,
    rename_tensors,
    write_model,
)
from edgecnn.backends.tflite.inspect import inspect
from edgecnn.backends.tflite.layers import layers
from edgecnn.core.errors import InputError
from tests.backends.conftest import foreign_files
from tests.support.tiny_models import write_tflite

if TYPE_CHECKING:
    from collections.abc import Callable


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


def test_weights_behind_the_flatbuffer_are_arrays_and_written_back_into_it(
    tiny: Path, tmp_path: Path
) -> None:
    model = read_model(tiny)
    inside = model_bytes(model)
    weights = []
    for buffer in model.buffers:
        if buffer.data is not None:
            weights.append(bytes(buffer.data))
            buffer.data, buffer.offset, buffer.size = None, 1, len(weights[-1])
    end = len(model_bytes(model))
    for buffer in model.buffers:
        if buffer.size:
            buffer.offset, end = end, end + buffer.size
    behind = tmp_path / "behind.tflite"
    behind.write_bytes(model_bytes(model) + b"".join(weights))
    assert weights
    found = read_model(behind)
    kinds = {type(buffer.data) for buffer in found.buffers if buffer.data is not None}
    assert kinds == {np.ndarray}  # the writer takes anything else byte by byte
    assert model_bytes(found) == inside


FEW = 40
"""A limit in place of the real ones, which are proven by the lists that operators share."""


def many(attribute: str) -> Callable[[Any], None]:
    """Repeat the last table of a list of the first graph."""

    def change(model: Any) -> None:
        tables = getattr(model.subgraphs[0], attribute)
        tables.extend(tables[-1:] * FEW)

    return change


def field(table: str, place: int, attribute: str, value: Any) -> Callable[[Any], None]:
    """Set a field of a table of the first graph."""
    return lambda model: setattr(getattr(model.subgraphs[0], table)[place], attribute, value)


def signatures(model: Any) -> None:
    signature = schema.SignatureDefT()
    signature.inputs = [schema.TensorMapT()] * (FEW)
    model.signatureDefs = [signature]


NUMBERS = np.zeros(20 * FEW, np.int32)
HOSTILE: dict[str, tuple[Callable[[Any], None], str]] = {
    "operators": (many("operators"), f"more than {FEW} are not accepted"),
    "tensors": (many("tensors"), f"more than {FEW} are not accepted"),
    "signatures": (signatures, f"more than {FEW} are not accepted"),
    "graphs": (
        lambda model: model.subgraphs.extend(model.subgraphs * FEW),
        f"more than {FEW} are not accepted",
    ),
    "inputs": (field("operators", 1, "inputs", NUMBERS), f"more than {10 * FEW} are not accepted"),
    "shape": (field("tensors", 3, "shape", NUMBERS), f"more than {10 * FEW} are not accepted"),
    "name": (field("tensors", 3, "name", b"\xff"), "damaged or truncated"),
    "no output": (field("operators", 1, "outputs", []), "damaged or truncated"),
    "no inputs": (field("operators", 0, "inputs", None), "damaged or truncated"),
    "no weights": (field("operators", 0, "inputs", [0]), "damaged or truncated"),
    "weights counted from the end": (field("operators", 0, "inputs", [0, -1, 2]), "damaged or truncated"),
    "flat weights": (field("tensors", 1, "shape", [960]), "damaged or truncated"),
    "no shape of weights": (field("tensors", 1, "shape", None), "damaged or truncated"),
    "no operators": (lambda model: setattr(model.subgraphs[0], "operators", []), "damaged or truncated"),
    "no zero point": (
        lambda model: setattr(model.subgraphs[0].tensors[0].quantization, "zeroPoint", None),
        "damaged or truncated",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_in_one_line(
    tiny: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, reason = HOSTILE[what]
    model = read_model(tiny)
    change(model)
    write_model(model, tiny)
    monkeypatch.setattr(flatbuffer, "MAX_PARTS", FEW)
    monkeypatch.setattr(flatbuffer, "MAX_NUMBERS", 10 * FEW)
    for read in (inspect, layers):
        with pytest.raises(InputError, match=reason) as caught:
            read(tiny)
        assert "\n" not in str(caught.value)


def test_many_operators_that_share_one_list_are_refused(tmp_path: Path) -> None:
    """A file of 160 kB, which would become 400,000,000 numbers."""
    file = tmp_path / "shared.tflite"
    file.write_bytes(shared_list(20_000, 20_000))
    with pytest.raises(InputError, match=f"more than {MAX_NUMBERS} are not accepted"):
        inspect(file)


def shared_list(operators: int, numbers: int) -> bytes:
    """Return a file whose operators all have the same list of inputs."""
    builder = flatbuffers.Builder(1024)

    def vector(start: Callable[[Any, int], Any], entries: list[int], add: Callable[[int], None]) -> int:
        start(builder, len(entries))
        for entry in entries:
            add(entry)
        return int(builder.EndVector())

    inputs = vector(schema.OperatorStartInputsVector, [0] * numbers, builder.PrependInt32)
    schema.OperatorStart(builder)
    schema.OperatorAddInputs(builder, inputs)
    operator = schema.OperatorEnd(builder)
    link = builder.PrependUOffsetTRelative
    listed = vector(schema.SubGraphStartOperatorsVector, [operator] * operators, link)
    schema.SubGraphStart(builder)
    schema.SubGraphAddOperators(builder, listed)
    graphs = vector(schema.ModelStartSubgraphsVector, [schema.SubGraphEnd(builder)], link)
    schema.ModelStart(builder)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
