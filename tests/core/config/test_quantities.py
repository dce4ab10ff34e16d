import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config.quantities import BYTES, FRACTION, MILLISECONDS, parse_quantity


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
