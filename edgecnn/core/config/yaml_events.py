"""The YAML that edgecnn accepts: a tree of plain values without aliases and tags, read in one pass.

The parser's events are read one after the other, so that deep nesting and aliases are refused where they
begin, before anything grows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

Location = tuple[str | int, ...]
YamlTree = dict[str, Any]
"""A parsed mapping that no schema has checked yet."""

MAX_DEPTH = 32
"""Most mappings and lists inside each other."""

_MOST_DIGITS = 40
"""Most characters of a number: converting one takes time with the square of its length."""

_SHOWN = 40
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where PyYAML was built with it: it is fifty times as fast and gives the same events."""

_PREFIX = "tag:yaml.org,2002:"
_RESOLVER: Any = yaml.resolver.Resolver()
_CONSTRUCTOR = yaml.constructor.SafeConstructor()


class Reader:
    """Reader of one text.

    Args:
        name: Name of the file in messages.

    Attributes:
        where: ``file:line`` by path of keys.
    """

    def __init__(self, name: str) -> None:
        self.where: dict[Location, str] = {}
        self._name = name
        self._events: Iterator[Any] = iter(())

    def read(self, text: str) -> Any:
        """Return the text's only document as plain data; None for an empty text.

        Raises:
            UsageError: The text is not YAML, or holds something that is not accepted.
        """
        odd = yaml.reader.Reader.NON_PRINTABLE.search(text)
        if odd is not None:
            line = text.count("\n", 0, odd.start()) + 1
            raise UsageError(f"{self._name}:{line}: the character U+{ord(odd.group()):04X} is not accepted")
        try:
            self._events = iter(yaml.parse(text, Loader=_PARSER))
            next(self._events)
            return self._document()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = f"{self._name}:{mark.line + 1}" if mark is not None else self._name
            raise UsageError(f"{place}: {error.problem or error.context or 'not YAML'}") from error
        except yaml.YAMLError as error:
            raise UsageError(f"{self._name}: not YAML") from error

    def _document(self) -> Any:
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        data = self._value(next(self._events), ())
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._refused(after, "a second document begins here", hint="keep one document in a file")
        return data

    def _value(self, event: Any, location: Location) -> Any:
        if isinstance(event, yaml.AliasEvent):
            hint = "use 'extends' to share settings"
            raise self._refused(event, "YAML aliases are not accepted", hint=hint)
        if len(location) > MAX_DEPTH:
            raise self._refused(event, f"nested too deeply, beyond {MAX_DEPTH} levels")
        self.where.setdefault(location, self._line(event))
        if isinstance(event, yaml.MappingStartEvent):
            self._require_tag(event, "map")
            return self._mapping(location)
        if isinstance(event, yaml.SequenceStartEvent):
            self._require_tag(event, "seq")
            return self._sequence(location)
        return self._scalar(event)

    def _mapping(self, location: Location) -> YamlTree:
        result: YamlTree = {}
        for event in iter(self._events):
            if isinstance(event, yaml.MappingEndEvent):
                break
            if not isinstance(event, yaml.ScalarEvent):
                raise self._refused(event, "a key must be plain text")
            key = str(event.value)
            if key in result:
                raise self._refused(event, f"key {key[:_SHOWN]!r} appears twice", hint="keep one of the two")
            self.where[(*location, key)] = self._line(event)
            result[key] = self._value(next(self._events), (*location, key))
        return result

    def _sequence(self, location: Location) -> list[Any]:
        result: list[Any] = []
        for event in iter(self._events):
            if isinstance(event, yaml.SequenceEndEvent):
                break
            result.append(self._value(event, (*location, len(result))))
        return result

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag in (None, "!"):
            tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)
        kind = tag.removeprefix(_PREFIX)
        if kind == "str":
            return event.value
        if kind == "null":
            return None
        if kind not in ("int", "float", "bool"):
            raise self._unknown_tag(event, tag)
        if len(event.value) > _MOST_DIGITS:
            raise self._refused(event, f"the number has {len(event.value)} characters")
        node = yaml.ScalarNode(tag, event.value)
        try:
            value = getattr(_CONSTRUCTOR, f"construct_yaml_{kind}")(node)
        except (ValueError, LookupError):
            words = {"int": "a whole number", "float": "a number", "bool": "true or false"}
            raise self._refused(event, f"{event.value!r} is not {words[kind]}") from None
        if kind == "int" and not -(2**63) <= value < 2**63:
            raise self._refused(event, f"{event.value} is a whole number beyond 64 bits")
        if kind == "float" and not math.isfinite(value):
            raise self._refused(event, f"{event.value} is not a finite number")
        return value

    def _require_tag(self, event: Any, kind: str) -> None:
        if event.tag not in (None, "!", _PREFIX + kind):
            raise self._unknown_tag(event, event.tag)

    def _unknown_tag(self, event: Any, tag: str) -> UsageError:
        return self._refused(event, f"the YAML tag {tag[:_SHOWN]!r} is not accepted")

    def _line(self, event: Any) -> str:
        return f"{self._name}:{event.start_mark.line + 1}"

    def _refused(self, event: Any, reason: str, *, hint: str | None = None) -> UsageError:
        return UsageError(f"{self._line(event)}: {reason}", hint=hint)
