"""The reference by which a pipeline or a command line names a source of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.data.csv_manifest import open_csv_manifest
from edgecnn.data.fashion_mnist import open_fashion_mnist
from edgecnn.data.image_folder import open_image_folder
from edgecnn.errors import InputError, UsageError

if TYPE_CHECKING:
    from edgecnn.data.base import Source

_FASHION_MNIST = "fashion-mnist"
_FORMS = "a dataset is fashion-mnist:train, fashion-mnist:test, a CSV file (path,label) or a folder of images"


def open_source(reference: str, *, cache_dir: Path, allow_fetch: bool = False) -> Source:
    """Open the source that ``reference`` names, without decoding its images.

    Args:
        reference: ``fashion-mnist:train`` or ``fashion-mnist:test``; a CSV file; or a folder.
        cache_dir: Where well-known datasets are downloaded to, and looked for.
        allow_fetch: Whether a well-known dataset that is missing may be downloaded.

    Raises:
        UsageError: The reference has none of these forms.
        InputError: What it names is missing, empty or broken.
        MissingDependency: A well-known dataset is not here, or could not be downloaded.
    """
    family, _, split = reference.partition(":")
    if family == _FASHION_MNIST:
        return open_fashion_mnist(split, cache_dir, allow_fetch=allow_fetch)
    path = Path(reference).expanduser()
    if path.is_dir():
        return open_image_folder(path)
    if not path.exists():
        raise InputError(f"dataset {reference} does not exist", hint=_FORMS)
    if path.suffix.lower() != ".csv":
        raise UsageError(f"{reference} is not a dataset", hint=_FORMS)
    return open_csv_manifest(path)
