"""Runtimes of other packages: what they return is checked, and the error names package, method and line."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.backends.worker.guarded import GuardedRuntime
from edgecnn.backends.worker.runtime import Description, Options, Runtime
from edgecnn.backends.worker.runtime_code import RuntimeCode
from edgecnn.core.errors import WorkerError
from edgecnn.ondevice.tensor import Array, TensorInfo

CODE = RuntimeCode("odd-run", "odd:Run", "numpy", "", "odd-backend 1.0")
INPUT = TensorInfo("image", (1, 4), "float32")
OUTPUTS = (TensorInfo("scores", (1, 3), "int8", 0.5, -3), TensorInfo("map", (1, -1, 2), "float32"))
GOOD = Description("odd-run", "1", "shipping", 1, ("numpy",), (INPUT,), OUTPUTS)
FAILED = r"^runtime odd-run of odd-backend 1\.0 failed:"
RESULTS: tuple[Array, ...] = (np.zeros((1, 3), np.int8), np.zeros((1, 7, 2), np.float32))


def runtime_of(description: object, results: object) -> type[Runtime]:
    class Odd(Runtime):
        @classmethod
        def open(cls, model: Path, options: Options) -> Runtime:  # noqa: ARG003
            return cls()

        def run(self, inputs: list[Array]) -> list[Array]:  # noqa: ARG002
            return results  # type: ignore[return-value]

        def describe(self) -> Description:
            return description  # type: ignore[return-value]

    return Odd


def opened(description: object = GOOD, results: object = RESULTS, options: Options | None = None) -> Runtime:
    return GuardedRuntime(runtime_of(description, results), CODE, Path("model.odd"), options or Options())


def test_what_fits_the_description_is_passed_on() -> None:
    for results in (RESULTS, list(RESULTS)):
        found = opened(results=results).run([np.zeros((1, 4), np.float32)])
        assert [each is given for each, given in zip(found, RESULTS, strict=True)] == [True, True]


def changed(place: int, array: Array) -> list[Array]:
    return [array if place == index else result for index, result in enumerate(RESULTS)]


@pytest.mark.parametrize(
    ("results", "reason"),
    [
        (None, "a NoneType, not a list of arrays"),
        (np.zeros((1, 3), np.int8), "a ndarray, not a list of arrays"),
        ([[0, 0, 0], RESULTS[1]], "a list, not a list of arrays"),
        ([RESULTS[0]], "1 arrays; describe names 2 outputs"),
        ([*RESULTS, RESULTS[0]], "3 arrays; describe names 2 outputs"),
        (
            changed(0, np.zeros((1, 3), np.float32)),
            r"float32 \[1, 3\] for output 'scores'; describe says int8 \[1, 3\]",
        ),
        (changed(1, np.zeros((1, 7, 2), np.float64)), r"float64 \[1, 7, 2\] for output 'map'"),
        (changed(0, np.zeros((1, 4), np.int8)), r"int8 \[1, 4\] for output 'scores'"),
        (changed(0, np.zeros(3, np.int8)), r"int8 \[3\] for output 'scores'"),
        (changed(1, np.zeros((2, 7, 2), np.float32)), r"float32 \[2, 7, 2\] for output 'map'"),
        (changed(1, np.full((1, 7, 2), np.nan, np.float32)), "values that are not finite for output 'map'"),
        (changed(1, np.full((1, 7, 2), np.inf, np.float32)), "values that are not finite for output 'map'"),
        (changed(0, np.array([["a", "b", "c"]])), r"<U1 \[1, 3\] for output 'scores'"),
        (changed(0, np.array([[None] * 3])), r"object \[1, 3\] for output 'scores'"),
    ],
)
def test_results_that_do_not_fit_the_description_are_refused(results: Any, reason: str) -> None:
    runtime = opened(results=results)
    with pytest.raises(WorkerError, match=rf"{FAILED} run returned {reason}"):
        runtime.run([np.zeros((1, 4), np.float32)])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("inputs", (), r"inputs is \(\)"),
        ("outputs", None, "outputs is None"),
        ("outputs", ("scores",), r"outputs\[0\] is a str, not a TensorInfo"),
        ("runtime", 3, "runtime is 3"),
        ("version", None, "version is None"),
        ("threads", 0, "threads is 0"),
        ("threads", True, "threads is True"),
        ("providers", (1,), r"providers is \(1,\)"),
        ("memory_bytes", {"arena": -1}, r"memory_bytes is \{'arena': -1\}"),
        ("memory_bytes", 7, "memory_bytes is 7"),
        ("execution", "reference", "execution is 'reference', and 'shipping' was asked for"),
    ],
)
def test_a_description_that_cannot_be_is_refused(field: str, value: Any, reason: str) -> None:
    description = dataclasses.replace(GOOD, **{field: value})
    with pytest.raises(
        WorkerError, match=rf"{FAILED} describe returned a Description that cannot be: {reason}"
    ):
        opened(description)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", None),
        ("shape", (1, 3.0)),
        ("shape", (1, -2)),
        ("shape", 3),
        ("dtype", "float33"),
        ("dtype", np.float32),
        ("dtype", "str"),
        ("dtype", "object"),
        ("scale", float("nan")),
        ("scale", 0.0),
        ("scale", "1"),
        ("zero_point", 0.5),
    ],
)
def test_a_described_tensor_that_cannot_be_is_refused(field: str, value: Any) -> None:
    info = dataclasses.replace(OUTPUTS[0], **{field: value})
    description = dataclasses.replace(GOOD, outputs=(info,))
    with pytest.raises(WorkerError, match=rf"cannot be: outputs\[0\]\.{field} is "):
        opened(description)


def test_a_float_tensor_has_no_scale() -> None:
    info = TensorInfo("scores", (1, 3), "float32", 0.5, 0)
    with pytest.raises(WorkerError, match=r"cannot be: outputs\[0\]\.scale is 0\.5"):
        opened(dataclasses.replace(GOOD, outputs=(info,)))


def test_an_error_names_the_packages_own_line_not_the_librarys() -> None:
    class Raises(Runtime):
        @classmethod
        def open(cls, model: Path, options: Options) -> Runtime:  # noqa: ARG003
            np.linalg.inv(np.zeros((2, 2)))
            return cls()

        run = describe = None  # type: ignore[assignment]

    with pytest.raises(
        WorkerError, match=r"open raised LinAlgError: Singular matrix \(test_guarded\.py, line \d+\)$"
    ):
        GuardedRuntime(Raises, CODE, Path("model.odd"), Options())
