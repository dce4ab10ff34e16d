"""Digests of a pipeline's external inputs: datasets, weight files, the user's code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.config.paths import cache_dir
from edgecnn.core.errors import UsageError
from edgecnn.core.files import is_dir
from edgecnn.data.source import open_source
from edgecnn.models import content
from edgecnn.models.spec_file import read_spec
from edgecnn.pipeline.stages.unchanged import digest_of_images

if TYPE_CHECKING:
    from edgecnn.core.config.pipeline import DataConfig, ModelConfig
    from edgecnn.data.base import ImageSource


@dataclass(frozen=True)
class Dataset:
    """A dataset of a pipeline, not decoded.

    Attributes:
        reference: Its name in the pipeline.
        content: Digest of its images, labels and classes.
        source: Its images and labels.
    """

    reference: str
    content: str
    source: ImageSource

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the class names; empty if it has none."""
        return self.source.classes


def open_dataset(reference: str, data: DataConfig) -> Dataset:
    """Open a dataset and compute its digest; digests of unchanged files are cached.

    Raises:
        EdgecnnError: It is missing, empty or broken.
    """
    source = open_source(reference, cache_dir=cache_dir(), allow_fetch=data.fetch)
    return Dataset(reference, digest_of_images(source), source)


def network_content(model: ModelConfig) -> str:
    """Return a digest of the network's origin besides name and arguments.

    Raises:
        InputError: A file that the model names is missing, or names code that the user has not named.
        UsageError: There is no such network, or the module of a ``python:`` name cannot be imported.
    """
    if model.network is not None:
        _check_network(model.name, model.network)
    return content.network_content(
        model.name, model.arguments, pretrained=model.pretrained, weights=model.weights
    )


def _check_network(name: str, network: str) -> None:
    """Refuse code that the user names for a network that is not built by it.

    Raises:
        UsageError: The network is no checkpoint, or other code builds it.
        InputError: The checkpoint is damaged, or names other code of the user's.
    """
    if not is_dir(Path(name)):
        raise UsageError(
            f"{network!r} is named as the code of {name}, which is no checkpoint",
            hint="leave --network or model.network out",
        )
    builder = read_spec(Path(name)).builder
    if builder != network:
        raise UsageError(f"{name} is built by {builder!r}, not by {network!r}", hint="leave it out")
