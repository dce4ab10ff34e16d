"""YAML with the position of every key, so that an error names its file and line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from edgecnn.core.config.quantities import WRITTEN
from edgecnn.core.errors import UsageError
from edgecnn.core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]
YamlTree = dict[str, Any]
"""A parsed mapping that no schema has checked yet."""

Model = TypeVar("Model", bound=BaseModel)
MAX_BYTES = 1_000_000
_TAGS = {f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str", "int", "float", "bool", "null")}


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
        """Return ``file:line`` of the key, or of the nearest enclosing key that has one."""
        for length in range(len(location), 0, -1):
            if location[:length] in self.where:
                return self.where[location[:length]]
        return self.name


@dataclass
class _Builder:
    file: str
    where: dict[Location, str] = field(default_factory=dict)

    def build(self, node: yaml.Node, location: Location) -> Any:
        line = f"{self.file}:{node.start_mark.line + 1}"
        if node.tag not in _TAGS:
            raise UsageError(f"{line}: the YAML tag {node.tag!r} is not accepted")
        self.where.setdefault(location, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*location, index)) for index, item in enumerate(node.value)]
        return yaml.SafeLoader("").construct_object(node)

    def _mapping(self, node: yaml.MappingNode, location: Location) -> YamlTree:
        result: YamlTree = {}
        for key_node, value_node in node.value:
            line = f"{self.file}:{key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise UsageError(f"{line}: a key must be plain text")
            key = str(key_node.value)
            if key in result:
                raise UsageError(f"{line}: key {key!r} appears twice", hint="keep one of the two")
            self.where[(*location, key)] = line
            result[key] = self.build(value_node, (*location, key))
        return result


def read_yaml(path: Path) -> YamlSource:
    """Read a YAML mapping with the line of every key.

    Raises:
        UsageError: The file cannot be read, is too large, is not YAML, or is not a mapping.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path} is larger than {MAX_BYTES} bytes; this is not a pipeline or target")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, name: str) -> YamlSource:
    """Parse YAML text; ``name`` is the name of the file in messages."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise UsageError(f"{name}: YAML aliases are not accepted", hint="use 'extends' to share settings")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        builder = _Builder(name)
        data = {} if node is None else builder.build(node, ())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{name}:{mark.line + 1}" if mark is not None else name
        reason = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{line}: {reason}") from error
    except RecursionError:
        raise UsageError(f"{name}: nested too deeply") from None
    if not isinstance(data, dict):
        raise UsageError(f"{name}: the file must be a mapping of keys")
    return YamlSource(data, builder.where if node is not None else {}, name)


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
    if not separator or not all(keys):
        raise UsageError(f"override {assignment!r} is not of the form key.key=value")
    value = parse_yaml(f"value: {text}", f"override {assignment!r}").data["value"]
    location = tuple(keys)
    where = {place: line for place, line in source.where.items() if place[: len(location)] != location}
    where[location] = f"override {assignment!r}"
    return YamlSource(_replace(source.data, location, value), where, source.name)


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
        raise together([_problem(source, model, each) for each in error.errors(include_url=False)]) from error


def together(errors: Sequence[UsageError]) -> UsageError:
    r"""Return the error that reports all of these: the only one, or a line for each with its hint.

    >>> together([UsageError("a.yaml:1: one"), UsageError("a.yaml:2: two", hint="meant too?")]).message
    'a.yaml:1: one\na.yaml:2: two; meant too?'
    """
    lines = dict.fromkeys(f"{error}; {error.hint}" if error.hint else str(error) for error in errors)
    return errors[0] if len(lines) == 1 else UsageError("\n".join(lines))


def _problem(source: YamlSource, model: type[BaseModel], problem: ErrorDetails) -> UsageError:
    location = _without_tags(problem["loc"], source.data)
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        return UsageError(f"{source.locate(location)}: unknown key {key!r}", hint=_nearest(model, location))
    if problem["type"] == "missing":
        return UsageError(f"{source.locate(location[:-1])}: key {key!r} is missing")
    reason = problem["msg"].removeprefix("Value error, ")
    return UsageError(f"{source.locate(location)}: {key}: {reason}")


def _without_tags(location: Location, data: Any) -> Location:
    """Return the location of an error without the names that pydantic inserts for members of a union.

    >>> _without_tags(("compile", "vela", "accelerator"), {"compile": {"accelerator": "x"}})
    ('compile', 'accelerator')
    """
    kept: list[str | int] = []
    for index, part in enumerate(location):
        last = index == len(location) - 1
        if isinstance(data, dict) and part not in data and not last:
            continue
        kept.append(part)
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
    return tuple(kept)


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
