"""Names of the networks of timm and torchvision, read from the text of their sources.

Both libraries know their networks only when they are imported, which takes seconds. A mistyped name is
reported before that. The text can lack something that a library computes: such names are left to the library.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from pathlib import Path

from edgecnn.core.text import unknown_name

_NETWORK = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)\(", re.MULTILINE)
"""A function below the decorator that registers it as a network."""

_TIMM_TAG = re.compile(r"""["'](\w+)\.([\w-]+)\*?["']\s*:""")
"""A key of a table of timm's weights: ``"resnet18.a1_in1k":``; an asterisk marks the default."""

_KEY = re.compile(r"""["'](\w+)["']\s*:""")
"""A key of a table; timm's old names of networks are keys: ``'convnext_tiny_in22ft1k': ...``."""

_ENUMERATION = re.compile(r"^class (\w+)\(WeightsEnum\):\n((?:    .*\n|\n)+)", re.MULTILINE)
_MEMBER = re.compile(r"^    (\w+) = Weights\(", re.MULTILINE)
_TAKES = re.compile(r"^def (\w+)\(\s*\*,\s*weights: Optional\[(\w+)\]", re.MULTILINE)
"""torchvision's weights are members of an enumeration, which the network's function takes."""


def split_reference(reference: str) -> tuple[str, str, str]:
    """Return library, name and tag of ``timm:NAME[.TAG]`` or ``torchvision:NAME[.TAG]``; no tag is empty.

    >>> split_reference("timm:resnet18.a1_in1k")
    ('timm', 'resnet18', 'a1_in1k')
    """
    library, _, full = reference.partition(":")
    name, _, tag = full.partition(".")
    return library, name, tag


def check_name(reference: str) -> None:
    """Check name and tag of a reference without importing its library.

    Raises:
        UsageError: The library's sources have no such network, or no such tag among those of the network.
    """
    library, name, tag = split_reference(reference)
    names = _names(library)
    if names and name not in names and name not in _keys(library):
        raise unknown_name(f"{library} model", name, names)
    tags = _tags(library).get(name)
    if tag and tags and tag not in tags:
        raise unknown_name(f"weights of {library}:{name}", tag, tags)


@functools.cache
def _text(library: str) -> str:
    """Return the sources of a library's classifiers; empty if it is not installed as files."""
    spec = importlib.util.find_spec(library)
    places = [] if spec is None else spec.submodule_search_locations or []
    files = [file for place in places for file in sorted((Path(place) / "models").glob("*.py"))]
    return "\n".join(file.read_text("utf-8", errors="replace") for file in files)


@functools.cache
def _names(library: str) -> tuple[str, ...]:
    return tuple(sorted(set(_NETWORK.findall(_text(library)))))


@functools.cache
def _keys(library: str) -> frozenset[str]:
    return frozenset(_KEY.findall(_text(library)))


@functools.cache
def _tags(library: str) -> dict[str, list[str]]:
    """Return the tags of the networks that have some in the text, by the name of the network."""
    text = _text(library)
    found: dict[str, list[str]] = {}
    if library == "timm":
        for name, tag in _TIMM_TAG.findall(text):
            found.setdefault(name, []).append(tag)
        return found
    members = {name: _MEMBER.findall(body) for name, body in _ENUMERATION.findall(text)}
    return {name: members.get(enumeration, []) for name, enumeration in _TAKES.findall(text)}
