import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config.budgets import Budgets
from edgecnn.core.config.quantities import (
    BYTES,
    FRACTION,
    MILLISECONDS,
    WRITTEN,
    Unit,
    parse_quantity,
    parse_written,
)


@pytest.mark.parametrize(
    ("text", "units", "value"),
    [
        ("400 kB", BYTES, 400_000),
        ("1.5MiB", BYTES, 1.5 * 2**20),
        (250_000, BYTES, 250_000),
        ("12 ms", MILLISECONDS, 12.0),
        ("80us", MILLISECONDS, 0.08),
        ("0.01", FRACTION, 0.01),
        ("1 %", FRACTION, 0.01),
        ("2e3 B", BYTES, 2000),
    ],
)
def test_quantities_are_read_in_their_base_unit(text: object, units: dict[str, float], value: float) -> None:
    assert parse_quantity(text, units, what="quantity") == pytest.approx(value)


@pytest.mark.parametrize(
    "text", ["400 ms", "kB", "-3 kB", "4 kB 3", "nan", "inf B", True, None, [1], "1e999 B"]
)
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_quantity(text, BYTES, what="size")


@given(st.floats(min_value=0, max_value=1e9, allow_nan=False), st.sampled_from(sorted(BYTES)))
def test_a_number_and_a_unit_multiply(number: float, unit: str) -> None:
    assert parse_quantity(f"{number:f} {unit}", BYTES, what="size") == pytest.approx(
        float(f"{number:f}") * BYTES[unit]
    )


@given(st.text(max_size=20))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        assert parse_quantity(text, BYTES, what="size") >= 0
    except ValueError as error:
        assert "is not a size" in str(error)  # noqa: PT017 - any text is either read or refused


@pytest.mark.parametrize(
    ("value", "unit", "result"),
    [
        ("3 MB", "bytes", 3e6),
        (0, "bytes", 0),
        ("0", "milliseconds", 0),
        ("1.5 s", "milliseconds", 1500),
        (0.79, "share", 0.79),
        ("0.79", "share", 0.79),
        ("100 %", "share", 1),
        (1.0, "share", 1),
        (0, "share", 0),
        ("0.5 %", "share", 0.005),
        (2, "ratio", 2),
        (100, "ratio", 100),
        ("50 %", "ratio", 0.5),
        (0, "count", 0),
        (700_000, "count", 700_000),
    ],
)
def test_what_people_write_with_its_unit_is_read(value: object, unit: Unit, result: float) -> None:
    assert parse_written(value, unit) == pytest.approx(result)


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (3, "bytes", "did you mean 3 MB?"),
        ("3", "bytes", "did you mean 3 MB?"),
        (2.5, "bytes", "did you mean 2.5 MB?"),
        (300, "bytes", "did you mean 300 kB?"),
        (160_000, "bytes", "did you mean 160 kB?"),
        (12, "milliseconds", "did you mean 12 ms?"),
        (1, "share", "did you mean 1 %, or 100 % for the whole?"),
        ("1", "share", "did you mean 1 %"),
        (79, "share", "did you mean 79 %?"),
        (79.0, "share", "did you mean 79 %?"),
        (1.5, "share", "did you mean 1.5 %?"),
        ("150 %", "share", "more than 100 %"),
        (10**400, "share", "bits is not a fraction"),
        (True, "share", "is not a fraction"),
        (101, "ratio", "did you mean 101 %?"),
        ("3 ms", "ratio", "unit 'ms'"),
        (True, "count", "is not a whole number"),
        (1.0, "count", "is not a whole number"),
        (-1, "count", "at least 0"),
        (10**30, "count", "at most"),
        (-0.1, "share", "not negative"),
        (float("nan"), "ratio", "must be finite"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_likely_meaning(
    value: object, unit: Unit, said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        parse_written(value, unit)


def test_a_size_of_kilobytes_is_meant_where_sizes_are_small() -> None:
    with pytest.raises(ValueError, match=re.escape("'1' is a size without a unit; did you mean 1 kB?")):
        parse_written("1", "bytes", small=True)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"accuracy": 0}, "no value could miss"),
        ({"class_floor": "0 %"}, "no value could miss"),
        ({"npu_coverage": 0}, "no value could miss"),
        ({"accuracy_drop": "100 %"}, "did you mean 1 %?"),
        ({"ap50_drop": 1.0}, "did you mean 1 %?"),
        ({"unpruned_drop": 1}, "did you mean 1 %"),
        ({"latency": {"AMD EPYC": 2}}, "did you mean 2 ms?"),
        ({"sram": 384}, "did you mean 384 kB?"),
        ({"flash": 1}, "did you mean 1 MB?"),
        ({"arena": 64}, "did you mean 64 kB?"),
        ({"memory": 20}, "did you mean 20 MB?"),
        ({"baseline_latency_ratio": 1000}, "more than 100"),
        ({"instructions": {"raspberry-pi-4": -1}}, "at least 0"),
        ({"float_ops": True}, "true is no number"),
    ],
)
def test_a_budget_that_nothing_could_miss_or_that_has_no_unit_is_refused(
    written: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Budgets.model_validate(written, context=WRITTEN)


def test_zero_is_an_upper_limit() -> None:
    zero = {"accuracy_drop": 0, "ap50_drop": 0, "float_ops": 0, "transposes": 0, "sram": "0 B", "cpu_ops": 0}
    assert set(Budgets.model_validate(zero, context=WRITTEN).given()) == zero.keys()


def test_stored_budgets_are_in_base_units_and_those_of_older_runs_still_open() -> None:
    older = {"size": 160_000, "accuracy_drop": 1, "accuracy": 79, "latency": {"AMD EPYC": 2.5}}
    assert Budgets.model_validate(older).model_dump(mode="json", exclude_none=True) == older


@given(
    size=st.integers(64, 10**11),
    share=st.floats(0.001, 0.9),
    ms=st.floats(0.001, 600_000),
    ratio=st.floats(0.001, 100),
    count=st.integers(0, 10**13),
)
def test_budgets_that_are_written_are_read_as_the_same_numbers(
    size: int, share: float, ms: float, ratio: float, count: int
) -> None:
    budgets = Budgets(
        size=size,
        accuracy=share,
        accuracy_drop=share,
        latency={"a": ms},
        latency_ratio=ratio,
        cycles=count,
    )
    text = budgets.model_dump(mode="json", exclude_none=True, context=WRITTEN)
    assert Budgets.model_validate(text, context=WRITTEN) == budgets
