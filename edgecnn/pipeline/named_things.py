"""Networks, weights and datasets that a pipeline with other mistakes names: do they exist?

They are looked for although the pipeline cannot run yet, so that one attempt shows all that is wrong.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core.errors import EdgecnnError, MissingDependency, UsageError, together
from edgecnn.core.files import is_file
from edgecnn.data.source import check_reference
from edgecnn.models.registry import find_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.core.config.yaml_events import Location
    from edgecnn.core.config.yaml_source import YamlSource

NOT_LOOKED_AT = (
    "not looked at until these are corrected: the content of data, weights and model files, the user's own "
    "code, packages and free space"
)
"""Last line of an error that lists the mistakes of a pipeline."""

_OWN_CODE = "python:"
_DATA: tuple[Location, ...] = (
    ("data", "root"),
    ("data", "train"),
    ("data", "eval"),
    ("data", "calibration", "source"),
)


def with_names(errors: Sequence[UsageError], source: YamlSource) -> EdgecnnError:
    """Return the error for the mistakes of a pipeline, with those of the names in it.

    Args:
        errors: The mistakes, at least one.
        source: Content of the pipeline.
    """
    found = [*errors, *_wrong_names(source)]
    whole = together(found)
    if len({str(error) for error in found}) == 1:
        return whole
    return type(whole)(f"{whole.message}\n{NOT_LOOKED_AT}")


def _wrong_names(source: YamlSource) -> list[UsageError]:
    checks: list[tuple[Location, Callable[[str], object]]] = [
        (("model", "name"), _check_network),
        (("model", "weights"), _check_weights),
        *((place, check_reference) for place in _DATA),
    ]
    errors: list[UsageError] = []
    for place, check in checks:
        value = functools.reduce(_inside, place, source.data)
        if not isinstance(value, str):  # the schema says it
            continue
        try:
            check(value)
        except MissingDependency:
            continue
        except EdgecnnError as error:
            key = ".".join(map(str, place))
            errors.append(UsageError(f"{source.locate(place)}: {key}: {error.message}", hint=error.hint))
    return errors


def _inside(data: Any, key: object) -> Any:
    return data.get(key) if isinstance(data, dict) else None


def _check_network(name: str) -> None:
    """Refuse a name that no source of networks knows; the user's own code is not executed for it."""
    if not name.startswith(_OWN_CODE):
        network = find_source(name)
        network.known_classes(name)
        network.content(name, pretrained=False)


def _check_weights(name: str) -> None:
    if not is_file(Path(name)):
        raise UsageError(f"there is no file {name}", hint="give the path of a .safetensors or .pth file")
