"""What holds for every schema of what people write."""

from __future__ import annotations

import importlib
import math
import pkgutil
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

import edgecnn.core.config
from edgecnn.backends.qnn import options as _qnn
from edgecnn.backends.rknn import options as _rknn
from edgecnn.backends.vela import options as _vela
from edgecnn.core.config.base import Schema, members
from edgecnn.core.config.quantities import WRITTEN

if TYPE_CHECKING:
    from collections.abc import Iterator

OF_COMPILERS = (_qnn, _rknn, _vela)


def schemas(base: type[Schema] = Schema) -> Iterator[type[Schema]]:
    """Yield every schema of edgecnn."""
    for module in pkgutil.iter_modules(edgecnn.core.config.__path__):
        importlib.import_module(f"edgecnn.core.config.{module.name}")
    for each in base.__subclasses__():
        if each.__module__.startswith("edgecnn."):
            yield each
        yield from schemas(each)


NUMBERS = sorted(
    {
        (schema, name)
        for schema in schemas()
        for name, field in schema.model_fields.items()
        if float in set(members(field.annotation))
    },
    key=lambda found: (found[0].__name__, found[1]),
)


def test_the_numbers_of_all_schemas_are_found() -> None:
    assert len(NUMBERS) > 40
    assert {"lr", "task_drop", "seconds", "latency_ratio"} <= {name for _, name in NUMBERS}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf", "-Infinity", "NaN"])
def test_no_number_of_any_schema_may_be_infinite_or_none_at_all(value: float | str) -> None:
    for schema, name in NUMBERS:
        for given in (value, [value], {"raspberry-pi-5": value}):
            with pytest.raises(ValidationError) as caught:
                schema.model_validate({name: given}, context=WRITTEN)
            places = {problem["loc"][0] for problem in caught.value.errors() if problem["loc"]}
            assert name in places, f"{schema.__name__}.{name} takes {given}"
