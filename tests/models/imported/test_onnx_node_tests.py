"""ONNX's own tests of its operators: the importer computes what they expect, or refuses the file."""

from __future__ import annotations

import importlib
import pkgutil
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx.backend.test.case import node as node_tests

from edgecnn.models.imported.operators import OPERATORS
from tests.support.onnx_operators import add_float_outputs, compare, imported_answer, of_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    from onnx.backend.test.case.test_case import TestCase

AVAILABLE = [module.name for module in pkgutil.iter_modules(node_tests.__path__) if not module.ispkg]
CLAIMED = {name.lower() for name in OPERATORS}
HELD = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.INT64, TensorProto.BOOL}
"""The types of results that are compared; those of DOUBLE are computed in FLOAT."""

SLOW = {"averagepool", "maxpool"}
"""Modules that compute for seconds what their cases expect."""


SOME = 5
"""Cases of an operator that are computed unless every case is."""

UNTESTED = {"Constant", "GlobalLpPool", "Pad", "ReduceLogSumExp", "Silu"}
"""Operators without a case that is one node of float32 numbers; drawn files test them."""


def load(modules: Iterable[str]) -> list[TestCase]:
    """Return all cases of ONNX that are made so far, after importing some modules, which makes theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            importlib.import_module(f"{node_tests.__name__}.{name}")
    return [case for case in node_tests._NodeTestCases if case.model.graph.node]


def outcomes(case: TestCase) -> set[str]:
    """Return "right" and the messages of refusals for a case; a wrong value is an error.

    The inputs come from the image, all of them, then those of float32, then only the first.
    """
    graph, found = case.model.graph, set[str]()
    if {item.type.tensor_type.elem_type for item in graph.output} - HELD:
        return found
    for inputs, outputs in case.data_sets:
        values: dict[str, Any] = dict(zip([item.name for item in graph.input], inputs, strict=False))
        if not all(isinstance(value, np.ndarray | np.generic) for value in (*values.values(), *outputs)):
            continue
        values = {name: in_single(np.asarray(value)) for name, value in values.items()}
        able = [name for name, value in values.items() if can_come_from_an_image(value)]
        floats = [name for name in able if values[name].dtype == np.float32]
        for moving in {tuple(able), tuple(floats), tuple(able[:1])}:
            if not moving:
                continue
            model, image = of_image(case.model, values, moving)
            names = add_float_outputs(model)
            answer = imported_answer(model, image, names)
            if isinstance(answer, str) and len(names) > 1:
                found.add(answer)
                answer = imported_answer(model, image, names[:1])
            if isinstance(answer, str):
                found.add(answer)
            else:
                wanted = [value.astype(np.float32) for value in outputs]
                compare(answer, wanted[: len(answer)], tolerance=max(1e-4, case.rtol))
                found.add("right")
    return found


def in_single(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values of float64 as float32, the type of networks."""
    return value.astype(np.float32) if value.dtype == np.float64 else value


def can_come_from_an_image(value: npt.NDArray[Any]) -> bool:
    """Return whether float32 numbers can become these values by a Cast."""
    if value.dtype.name not in ("float32", "int32", "int64", "bool") or not value.size:
        return False
    return value.dtype.name in ("float32", "bool") or bool((np.abs(value) < 2**24).all())


def wrong_and_right(chosen: list[TestCase]) -> tuple[list[str], set[str]]:
    """Return the cases with wrong values, and the operators of which at least one case is right."""
    wrong, right = [], set[str]()
    for case in chosen:
        try:
            if "right" in outcomes(case):
                right |= {node.op_type for node in case.model.graph.node}
        except Exception as error:  # noqa: BLE001 - every other end than a refusal is wrong
            wrong.append(f"{case.name}: {type(error).__name__} {error}")
    return wrong, right


def test_operators_compute_what_onnx_expects() -> None:
    modules = [name for name in AVAILABLE if name.replace("_", "") in CLAIMED - SLOW]
    by_operator: dict[str, list[TestCase]] = {}
    for case in load(modules):
        by_operator.setdefault(case.model.graph.node[0].op_type, []).append(case)
    some = [
        cases[:: -(-len(cases) // SOME)]
        for name, cases in by_operator.items()
        if name.lower() in CLAIMED - SLOW
    ]
    wrong, right = wrong_and_right([case for cases in some for case in cases])
    assert not wrong, "\n".join(wrong)
    assert {name.lower() for name in OPERATORS.keys() - right} <= SLOW | {name.lower() for name in UNTESTED}


@pytest.mark.slow
def test_every_test_of_onnx_is_computed_rightly_or_refused() -> None:
    wrong, right = wrong_and_right(load(AVAILABLE))
    assert not wrong, "\n".join(wrong)
    assert OPERATORS.keys() - right <= UNTESTED
