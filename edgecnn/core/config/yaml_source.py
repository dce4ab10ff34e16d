"""YAML with the position of every key, so that an error names its file and line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from edgecnn.core.config.quantities import WRITTEN
from edgecnn.core.config.yaml_events import MAX_DEPTH, Location, Reader, YamlTree
from edgecnn.core.errors import InputError, UsageError, together
from edgecnn.core.files import read_bounded_text
from edgecnn.core.plain_problem import UNKNOWN, all_in_words, choices
from edgecnn.core.text import did_you_mean, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)

MAX_BYTES = 64 << 10
"""Largest YAML file that people write, in bytes: a pipeline has about 2,000."""

_SHOWN = 80
_OVERRIDE = "override "


@dataclass(frozen=True)
class YamlSource:
    """A parsed YAML mapping with the position of each key.

    Attributes:
        data: The mapping.
        where: ``file:line`` by path of keys; for an overridden key, the position of the override.
        name: Name of the file in messages.
    """

    data: YamlTree
    where: dict[Location, str]
    name: str

    def locate(self, location: Location) -> str:
        """Return ``file:line`` of the key, its override, or the position of the nearest enclosing key.

        A key without a position that holds an overridden key was made by that override.
        """
        if location and location not in self.where and (made := self.overrides_in(location)):
            return made[0]
        for length in range(len(location), 0, -1):
            if location[:length] in self.where:
                return self.where[location[:length]]
        return self.name

    def overrides_in(self, location: Location) -> list[str]:
        """Return the overrides of keys below a location, which may have made the whole of it wrong."""
        positions = [text for place, text in self.where.items() if place[: len(location)] == location]
        return [text for text in dict.fromkeys(positions) if text.startswith(_OVERRIDE)]


def read_yaml(path: Path, *, most_bytes: int = MAX_BYTES) -> YamlSource:
    """Read a YAML mapping with the line of every key; a byte order mark is skipped.

    Args:
        path: Path of the file.
        most_bytes: Largest accepted size in bytes.

    Raises:
        UsageError: The file cannot be read, is no regular file, is too large, is not YAML, or is not a
            mapping.
    """
    try:
        text = read_bounded_text(path, most_bytes)
    except InputError as error:
        raise UsageError(error.message, hint=error.hint) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse YAML text in one pass; ``name`` is the name of the file in messages.

    Raises:
        UsageError: The text is not YAML, is not a mapping, or holds what no file of edgecnn needs: an alias,
            a tag, a name twice, deep nesting, or a number beyond 64 bits.
    """
    reader = Reader(name)
    data = reader.read(text)
    if data is None:
        return YamlSource({}, {}, name)
    if not isinstance(data, dict):
        raise UsageError(f"{name}: the file must be a mapping of keys")
    return YamlSource(data, reader.where, name)


def merge(base: YamlSource, over: YamlSource) -> YamlSource:
    """Return ``base`` with the keys of ``over`` on top: mappings are merged, other values replaced."""
    data, where = _merge_values(base.data, over.data), {**base.where, **over.where}
    return YamlSource(data, where, over.name)


def _merge_values(base: YamlTree, over: YamlTree) -> YamlTree:
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = _merge_values(result[key], value) if both else value
    return result


def override(source: YamlSource, assignment: str) -> YamlSource:
    """Apply a dotted override such as ``train.epochs=1`` to a source.

    The value is YAML, so ``a.b=[1, 2]`` and ``size=400 kB`` work as in the file; it replaces the old value,
    even a mapping.
    """
    path, separator, text = assignment.partition("=")
    keys = path.split(".")
    shown = repr(assignment[:_SHOWN])
    if not separator or not all(keys):
        raise UsageError(f"override {shown} is not of the form key.key=value")
    if len(keys) > MAX_DEPTH:
        raise UsageError(f"override {shown} names a key at a depth of {len(keys)}, beyond {MAX_DEPTH}")
    parsed = parse_yaml(f"value: {text}", f"override {shown}").data
    if len(parsed) > 1:
        raise UsageError(
            f"override {shown} holds more than one value", hint="give each in a --set of its own"
        )
    value = parsed["value"]
    location = tuple(keys)
    where = {place: line for place, line in source.where.items() if place[: len(location)] != location}
    where |= dict.fromkeys(_places(location, value), f"{_OVERRIDE}{shown}")
    return YamlSource(_replace(source.data, location, value), where, source.name)


def _places(location: Location, value: Any) -> Iterator[Location]:
    """Yield the place of a value and of everything in it."""
    yield location
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield from _places((*location, key), part)


def _replace(data: YamlTree, location: tuple[str, ...], value: Any) -> YamlTree:
    key, rest = location[0], location[1:]
    if not rest:
        return {**data, key: value}
    inner = data.get(key)
    return {**data, key: _replace(inner if isinstance(inner, dict) else {}, rest, value)}


def validate(source: YamlSource, model: type[Model]) -> Model:
    """Convert a source, which people write, into its pydantic model.

    Raises:
        UsageError: The message has file, line and the wrong key of every mistake, the hint the nearest
            existing key.
    """
    try:
        return model.model_validate(source.data, context=WRITTEN)
    except ValidationError as error:
        raise together(_problems(source, model, error.errors(include_url=False))) from error


def _problems(source: YamlSource, model: type[BaseModel], found: Sequence[ErrorDetails]) -> list[UsageError]:
    """Return an error for each place.

    A value that fits no member of a union is one error, and so is a mistyped key, which is unknown while the
    right one is missing.
    """
    places: dict[tuple[Location, bool], list[ErrorDetails]] = {}
    for problem in found:
        location = _without_tags(problem, source.data)
        places.setdefault((location, problem["type"] in UNKNOWN), []).append(problem)
    meant = {
        (*location[:-1], name)
        for location, unknown in places
        if unknown
        for name in nearest(str(location[-1]), _keys_at(model, location[:-1]))
    }
    return [
        _problem(source, model, location, problems)
        for (location, _), problems in places.items()
        if problems[0]["type"] != "missing" or location not in meant
    ]


def _problem(
    source: YamlSource, model: type[BaseModel], location: Location, problems: Sequence[ErrorDetails]
) -> UsageError:
    key, kind = ".".join(str(part) for part in location), problems[0]["type"]
    if kind in UNKNOWN:
        return UsageError(f"{source.locate(location)}: unknown key {key!r}", hint=_nearest(model, location))
    if kind == "missing" and isinstance(location[-1], str):
        return UsageError(f"{source.locate(location[:-1])}: key {key!r} is missing")
    place = f"{source.locate(location)}: {key}" if key else source.name
    overrides = ", ".join(source.overrides_in(location))
    if overrides and not place.startswith(_OVERRIDE):
        place += f" (with {overrides})"
    names = [name for problem in problems for name in choices(problem)]
    hint = did_you_mean(str(problems[0]["input"])[:_SHOWN], names)
    return UsageError(f"{place}: {all_in_words(problems)}", hint=hint)


def _without_tags(problem: ErrorDetails, data: Any) -> Location:
    """Return the location of an error without the names that pydantic inserts for members of a union."""
    kept: list[str | int] = []
    *parents, final = problem["loc"] or [""]
    for part in parents:
        if _holds(data, part):
            data = data[part]
            kept.append(part)
    return (*kept, final) if _holds(data, final) or problem["type"] == "missing" else tuple(kept)


def _holds(data: Any, part: str | int) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(data)


def _nearest(model: type[BaseModel], location: Location) -> str:
    names = _keys_at(model, location[:-1])
    return did_you_mean(str(location[-1]), names) or f"known keys here: {', '.join(sorted(names))}"


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """Return the allowed keys at ``location``, following the models along it."""
    current: type[BaseModel] | None = model
    for part in location:
        if current is None:
            break
        name = str(part)
        info = current.model_fields.get(name)
        if info is not None:
            current = _model_of(info.annotation)
    return list(current.model_fields) if current is not None else []


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the pydantic model inside an annotation such as ``X | None`` or ``dict[str, X]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_of(argument)
        if found is not None:
            return found
    return None
