"""Stage ``prepare``: decoding and resizing of a dataset, once for training and all targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.json_file import read_json
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.ondevice.contract import Contract
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.unchanged import digest_of_images, unchanged

if TYPE_CHECKING:
    from pathlib import Path


@arguments
class PrepareParameters:
    """The dataset and the choice of its images.

    Attributes:
        reference: Name of the dataset in the pipeline.
        content: Digest of its images, labels and classes.
        bad_images: What to do about a corrupt image: ``error`` or ``skip``.
        limit: Prepare only so many, evenly over the classes; None for all.
    """

    reference: str
    content: str
    bad_images: str
    limit: int | None


def run(inputs: Inputs, parameters: PrepareParameters, context: Context) -> None:
    """Write a prepared set.

    Raises:
        InputError: The dataset is missing or broken, or is no longer the one of the parameters.
    """
    reference = parameters.reference
    source = open_source(reference, cache_dir=cache_dir())
    with unchanged(reference, parameters.content, lambda: digest_of_images(source)):
        prepare(
            source,
            read_contract(inputs["contract"]),
            context.out,
            on_bad_image=cast("Literal['error', 'skip']", parameters.bad_images),
            limit=parameters.limit,
            progress=lambda done, total: context.progress(done, total, "images"),
        )


def read_contract(outputs: Path) -> Contract:
    """Read the contract that the ``contract`` step wrote."""
    return Contract.from_json(read_json(outputs / "contract.json"))


PREPARE = Stage("prepare", 2, run, ("numpy", "pillow"))
