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
from tests.support.onnx_operators import compare, imported_answer, of_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx.backend.test.case.test_case import TestCase

AVAILABLE = [module.name for module in pkgutil.iter_modules(node_tests.__path__) if not module.ispkg]
CLAIMED = {name.lower() for name in OPERATORS}
SLOW = {"averagepool", "maxpool"}
"""Modules that compute for seconds what their cases expect."""


def load(modules: Iterable[str]) -> list[TestCase]:
    """Return all cases of ONNX that are made so far, after importing some modules, which makes theirs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in modules:
            importlib.import_module(f"{node_tests.__name__}.{name}")
    return [case for case in node_tests._NodeTestCases if case.model.graph.node]


def outcomes(case: TestCase) -> set[str]:
    """Return "right" and the messages of refusals for a case; a wrong value is an error.

    The float inputs come from the image, all of them and then only the first.
    """
    graph, found = case.model.graph, set[str]()
    for inputs, outputs in case.data_sets:
        values: dict[str, Any] = dict(zip([item.name for item in graph.input], inputs, strict=False))
        arrays = all(isinstance(value, np.ndarray) for value in values.values())
        floats = [
            name for name, value in values.items() if arrays and value.dtype == np.float32 and value.size
        ]
        wanted = {
            item.name: value
            for item, value in zip(graph.output, outputs, strict=True)
            if item.type.tensor_type.elem_type == TensorProto.FLOAT
        }
        for moving in {tuple(floats), tuple(floats[:1])}:
            if moving and wanted:
                model, image = of_image(case.model, values, moving)
                answer = imported_answer(model, image, list(wanted))
                if isinstance(answer, str):
                    found.add(answer)
                else:
                    compare(answer, list(wanted.values()), tolerance=max(1e-4, case.rtol))
                    found.add("right")
    return found


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
    chosen = [case for case in load(modules) if case.model.graph.node[0].op_type.lower() in CLAIMED - SLOW]
    wrong, right = wrong_and_right(chosen)
    assert not wrong, "\n".join(wrong)
    assert {name.lower() for name in OPERATORS.keys() - right} <= SLOW | {"constant", "pad", "silu"}


@pytest.mark.slow
def test_every_test_of_onnx_is_computed_rightly_or_refused() -> None:
    wrong, right = wrong_and_right(load(AVAILABLE))
    assert not wrong, "\n".join(wrong)
    assert OPERATORS.keys() - right <= {"Constant", "Pad", "Silu"}
