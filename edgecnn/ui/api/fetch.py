"""Download of published weights and public datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.listing import Fetched
from edgecnn.core.errors import UsageError
from edgecnn.core.files import is_file

if TYPE_CHECKING:
    from pathlib import Path

DATASETS = ("fashion-mnist",)


def fetch(name: str) -> Fetched:
    """Fetch weights (``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME``) or a dataset (``fashion-mnist``).

    Raises:
        UsageError: There is nothing of that name to fetch.
        MissingDependency: It cannot be downloaded from here.
        InputError: The download has another SHA-256 than the table.
    """
    path = _fetch(name)
    files = [path] if is_file(path) else [item for item in path.rglob("*") if is_file(item)]
    return Fetched(name=name, path=str(path), size_bytes=sum(item.stat().st_size for item in files))


def _fetch(name: str) -> Path:
    if name in DATASETS:
        from edgecnn.data.fashion_mnist_fetch import fetch as fetch_dataset

        return fetch_dataset(cache_dir())
    if ":" not in name:
        raise UsageError(
            f"there is nothing called {name!r} to fetch",
            hint=f"datasets: {', '.join(DATASETS)}; weights: zoo:NAME, see `edgecnn models`",
        )
    from edgecnn.models.fetch import fetch as fetch_weights

    return fetch_weights(name, cache_dir())
