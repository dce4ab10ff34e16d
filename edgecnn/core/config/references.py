"""Look-up of pipelines, targets and toolchains by name or path, including their ``extends``."""

from __future__ import annotations

from pathlib import Path

from edgecnn.core.config import paths
from edgecnn.core.config.yaml_source import YamlSource, merge, read_yaml
from edgecnn.core.errors import UsageError
from edgecnn.core.files import is_file
from edgecnn.core.text import did_you_mean

MAX_DEPTH = 8


def find(reference: str, kind: paths.Kind) -> Path:
    """Return the file that a name or a path refers to.

    Raises:
        UsageError: There is no such file; the hint has the nearest name.
    """
    if reference.endswith((".yaml", ".yml")):
        path = Path(reference)
        if is_file(path):
            return path
        known = paths.available(kind).get(path.stem)
        if known is not None and path.parent.name in ("", kind):
            return known
        raise UsageError(f"there is no file {reference}", hint=_hint(path.stem, kind))
    known = paths.available(kind).get(reference)
    if known is None:
        raise UsageError(f"unknown {kind[:-1]} {reference!r}", hint=_hint(reference, kind))
    return known


def resolve(reference: str, kind: paths.Kind) -> YamlSource:
    """Read a pipeline or target, with the files that it extends.

    Raises:
        UsageError: A file is missing or wrong, or ``extends`` forms a circle or a chain of too many files.
    """
    chain: list[YamlSource] = []
    seen: list[Path] = []
    current: str | None = reference
    while current is not None:
        path = find(current, kind)
        names = " -> ".join(item.stem for item in [*seen, path])
        if path in seen:
            raise UsageError(f"{seen[-1]}: 'extends' forms a circle: {names}")
        if len(seen) == MAX_DEPTH:
            raise UsageError(f"{seen[-1]}: 'extends' forms a chain of more than {MAX_DEPTH} files: {names}")
        seen.append(path)
        source = read_yaml(path)
        chain.append(source)
        extends = source.data.get("extends")
        if extends is not None and not isinstance(extends, str):
            raise UsageError(f"{source.locate(('extends',))}: extends must be one name")
        current = extends
    result = chain.pop()
    while chain:
        result = merge(result, chain.pop())
    return result


def _hint(name: str, kind: paths.Kind) -> str:
    known = paths.available(kind)
    return did_you_mean(name, known) or f"known {kind}: {', '.join(known)}"
