"""Every limit of a target has a range; what no value can miss or meet is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config import bounds
from edgecnn.core.config.bounds import LimitRange
from edgecnn.core.config.budgets import Budgets
from edgecnn.core.config.search import SearchBudgets
from edgecnn.core.config.target import VerificationLimits
from edgecnn.core.config.yaml_source import override, parse_yaml, validate
from edgecnn.core.errors import UsageError

Field = tuple[type[Budgets] | type[VerificationLimits], str, LimitRange]
FIELDS: list[Field] = [
    *((Budgets, name, found) for name, found in bounds.BUDGETS.items()),
    *((VerificationLimits, name, found) for name, found in bounds.LINKS.items()),
]
KEYS = {"latency": "some CPU", "instructions": "raspberry-pi-5"}
UNITS = {"bytes": " B", "milliseconds": " ms"}
OUTSIDE = {
    "latency_ratio": ["0"],
    "accuracy": ["1e-300", "0.05 %"],
    "accuracy_drop": ["0.9999999", "99.99 %", "95 %"],
    "size": ["1000000 GB", "0 B"],
    "latency": ["0 ms", "2000000 s"],
    "instructions": ["1", "900000000000000"],
    "memory": ["1 kB"],
    "task_drop": ["100 %"],
    "quantization_sqnr_db": ["-1e300", "1e9"],
    "quantization_agreement": ["0"],
    "kernels_gap_db": ["1e9", "-1"],
    "kernels_ample_db": ["0"],
    "kernels_max_steps": ["255"],
    "quantization_score_levels": ["1"],
}


def written(found: LimitRange, limit: float) -> str:
    """Return a limit as people write it."""
    return str(round(limit)) if found.kind == "count" else f"{limit!r}{UNITS.get(found.kind, '')}"


def read(field: Field, text: str, *, as_override: bool) -> object:
    """Return what a schema reads of one limit, from YAML or from an override."""
    model, name, _ = field
    if as_override:
        value = f"{{{KEYS[name]}: {text}}}" if name in KEYS else text
        source = override(parse_yaml("", "a file"), f"{name}={value}")
    else:
        value = f"\n  {KEYS[name]}: {text}" if name in KEYS else f" {text}"
        source = parse_yaml(f"{name}:{value}\n", "a file")
    found: Any = getattr(validate(source, model), name)
    return found[KEYS[name]] if name in KEYS else found


def test_every_limit_has_a_range() -> None:
    assert bounds.BUDGETS.keys() == Budgets.model_fields.keys()
    assert bounds.LINKS.keys() == VerificationLimits.model_fields.keys()
    assert SearchBudgets.model_fields.keys() <= bounds.BUDGETS.keys()


@pytest.mark.parametrize("as_override", [False, True])
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field[1])
@given(data=st.data())
def test_a_limit_in_its_range_is_taken(field: Field, data: st.DataObject, *, as_override: bool) -> None:
    found = field[2]
    limit = data.draw(st.floats(found.low, found.high) | st.sampled_from([found.low, found.high]))
    if found.kind in ("bytes", "count"):
        limit = float(round(limit))
    text = written(found, limit)
    if found.kind in ("share", "ratio") and limit == 1:
        text = "100 %"
    assert read(field, text, as_override=as_override) == pytest.approx(limit)


@pytest.mark.parametrize("as_override", [False, True])
@pytest.mark.parametrize(
    ("field", "text"),
    [(field, text) for field in FIELDS for text in OUTSIDE.get(field[1], ())],
    ids=lambda value: value if isinstance(value, str) else value[1],
)
def test_a_limit_that_cannot_be_meant_is_refused(field: Field, text: str, *, as_override: bool) -> None:
    with pytest.raises(UsageError, match=r"no value could (miss|meet)|at least 0|not negative"):
        read(field, text, as_override=as_override)


@pytest.mark.parametrize("as_override", [False, True])
@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field[1])
@given(data=st.data())
def test_a_limit_outside_its_range_is_refused(
    field: Field, data: st.DataObject, *, as_override: bool
) -> None:
    found = field[2]
    above = st.floats(1.001 * found.high + 1, 1e14)
    below = st.floats(0, 0.99 * found.low) if found.low > 0 else st.floats(-1e300, -1.0)
    with pytest.raises(UsageError):
        read(field, written(found, data.draw(above | below)), as_override=as_override)


@pytest.mark.parametrize(
    ("name", "limit", "said"),
    [
        (
            "size",
            1e15,
            "no value could miss a limit of 1000000 GB (at most 100 GB); leave it out, or did you",
        ),
        ("size", 0, "no value could meet a limit of 0 B (at least 64 B)"),
        ("memory", 20e3, "no value could meet a limit of 20 kB (at least 1 MB); did you mean 20 MB?"),
        ("accuracy_drop", 0.9999, "99.99 % (at most 90 %); leave it out, or did you mean 1 %?"),
    ],
)
def test_the_likely_meaning_is_said(name: str, limit: float, said: str) -> None:
    assert said in (bounds.BUDGETS[name].mistake(limit) or "")


def test_stored_limits_of_older_versions_are_read() -> None:
    assert Budgets.model_validate({"size": 0, "accuracy_drop": 1}).accuracy_drop == 1
