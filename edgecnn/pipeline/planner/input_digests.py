"""Digests of what a pipeline takes from outside: datasets, weight files, the user's own code."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import cache_dir, home
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.digest import digest_file, digest_json, digest_tree
from edgecnn.data.digest import DigestCache
from edgecnn.data.source import open_source
from edgecnn.models.fetch import origin

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import DataConfig, ModelConfig


@dataclass(frozen=True)
class Dataset:
    """A dataset of a pipeline, opened but not decoded.

    Attributes:
        reference: As the pipeline names it.
        content: Digest of its images, labels and classes.
        classes: Class names; empty where it has none.
        size: Number of images.
    """

    reference: str
    content: str
    classes: tuple[str, ...]
    size: int


def open_dataset(reference: str, data: DataConfig) -> Dataset:
    """Open a dataset and digest it; digests of unchanged files are remembered.

    Raises:
        EdgecnnError: It is missing, empty or broken.
    """
    source = open_source(reference, cache_dir=cache_dir(), allow_fetch=data.fetch)
    home().mkdir(parents=True, exist_ok=True)
    with DigestCache(home() / "digests.sqlite") as cache:
        return Dataset(reference, source.digest(cache), source.classes, len(source))


def network_content(model: ModelConfig) -> str:
    """Return a digest of what the network is made from besides its name and arguments.

    Raises:
        InputError: A file that the model names is missing.
        UsageError: The module of a ``python:`` name cannot be found.
    """
    parts: dict[str, str] = {}
    if model.weights is not None:
        weights = Path(model.weights).expanduser()
        if not weights.is_file():
            raise InputError(f"there is no weights file {weights}")
        parts["weights"] = digest_file(weights)
    kind, _, name = model.name.partition(":")
    if kind == "python":
        parts["code"] = _module_digest(name.partition(":")[0])
    elif model.pretrained:
        parts["published"] = origin(model.name)
    elif Path(model.name).is_file():
        parts["file"] = digest_file(Path(model.name))
    elif Path(model.name).is_dir():
        parts["checkpoint"] = digest_tree(Path(model.name))
    return digest_json(parts)


def _module_digest(module: str) -> str:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise UsageError(f"python module {module!r} cannot be imported: {error}") from error
    if found is None or found.origin is None:
        raise UsageError(
            f"python module {module!r} cannot be found", hint="put its folder on PYTHONPATH or install it"
        )
    return digest_file(Path(found.origin))
