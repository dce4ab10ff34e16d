"""Stage ``imported``: link 0, the user's file in its own runtime against the network that was made of it."""

from __future__ import annotations

import json
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.link import Link
from edgecnn.core.doing import say
from edgecnn.core.errors import VerificationFailed
from edgecnn.models.content import network_content
from edgecnn.models.registry import find_source
from edgecnn.models.spec_file import WEIGHTS_FILE
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.stages.unchanged import unchanged
from edgecnn.pipeline.stages.verify import HINTS, RESULT

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt
    from torch import nn

    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.source import GivenFile

    Values = npt.NDArray[np.float32]

PHOTOS = 8
"""Number of the user's images on which the file and the network are compared."""

NOISE = 4
"""Number of images of random pixels: they reach values and positions that few photos reach."""


@arguments
class ImportedParameters:
    """The file that the network was made of.

    Attributes:
        reference: Name of the file.
        content: Digest of the file and of those that hold its weights.
        arguments: Arguments of the model, such as the function of the file that it was made of.
    """

    reference: str
    content: str
    arguments: dict[str, Any] = field(default_factory=dict)


@arguments
class ImportedRequest:
    """A file and a checkpoint to compare on a prepared set, in a child process."""

    reference: str
    checkpoint: Path
    images: Path
    arguments: dict[str, Any] = field(default_factory=dict)


def run(inputs: Inputs, parameters: ImportedParameters, context: Context) -> None:
    """Write link 0 to ``verification.json``.

    Raises:
        InputError: The file is no longer the one of the parameters.
    """
    reference = parameters.reference
    request = ImportedRequest(reference, inputs["checkpoint"], inputs["images"], parameters.arguments)

    def content() -> str:
        return network_content(reference, {}, pretrained=False, weights=None)

    with unchanged(reference, parameters.content, content):
        child = process.call(
            "edgecnn.pipeline.stages.imported:compare",
            request,
            log=context.log,
            memory_bytes=process.memory_for(Path(reference), request.checkpoint / WEIGHTS_FILE),
            torch=True,
        )
    link = child.read(Link)
    (context.out / RESULT).write_text(json.dumps([link.to_json()]), encoding="utf-8")
    context.charge("imported", child)


def compare(request: ImportedRequest) -> Link:
    """Return link 0 for a file and the checkpoint that was made of it; runs in a child process.

    Raises:
        VerificationFailed: The outputs of the two have different shapes.
    """
    from edgecnn.data.prepared import PreparedSet
    from edgecnn.models.checkpoint import load_checkpoint
    from edgecnn.proof.links.verification import judge_outputs, verify_import

    module, _ = load_checkpoint(request.checkpoint)
    given = find_source(request.reference).open_file(request.reference, module, request.arguments)
    images = _images(PreparedSet.open(request.images))
    theirs = _outputs(given.run, images, f"running {Path(request.reference).name} in {given.runtime}")
    ours = _outputs(lambda image: _run(module, image), images, "running the network made of it")
    for name, one, other in zip(given.outputs, theirs, ours, strict=True):
        if one.shape != other.shape:
            shapes = f"{list(one.shape)} in the file and {list(other.shape)} in the network"
            message = f"link 0 (import) is broken: output {name} is {shapes}"
            raise VerificationFailed(f"{message}; {_first_difference(given, images[0])}", hint=HINTS[0])
    compared = f"the network against {Path(request.reference).name} in {given.runtime} without optimization"
    link = judge_outputs(given.outputs, lambda place: verify_import(theirs[place], ours[place], compared))
    if link.passed:
        return link
    return link.model_copy(update={"cause": _first_difference(given, images[0])})


def _images(prepared: PreparedSet) -> list[Values]:
    """Return the photos and the images of random pixels as inputs of the network, each ``[1, C, H, W]``."""
    import numpy as np

    from edgecnn.ondevice.normalize import normalize

    contract = prepared.contract
    shape = (NOISE, contract.height, contract.width, contract.channels)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    pixels = np.concatenate([np.asarray(prepared.images[:PHOTOS]), noise])
    values = normalize(pixels, contract).transpose(0, 3, 1, 2)
    return [np.ascontiguousarray(values[place : place + 1]) for place in range(len(values))]


def _outputs(run: Callable[[Values], list[Values]], images: list[Values], what: str) -> list[Values]:
    """Run every image and return each output for all of them, ``[N, ...]``."""
    import numpy as np

    found = []
    for number, image in enumerate(images):
        say(f"{what}, image {number + 1} of {len(images)}")
        found.append(run(image))
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _run(module: nn.Module, image: Values) -> list[Values]:
    """Return every output of the network for one image."""
    import torch

    with torch.inference_mode():
        found = module(torch.from_numpy(image))
    parts = (found,) if isinstance(found, torch.Tensor) else found
    return [part.float().numpy() for part in parts]


def _first_difference(given: GivenFile, image: Values) -> str:
    """Return a sentence about the first operation whose result differs; without one, that none was found."""
    from edgecnn.proof.links.limits import IMPORT_SQNR_DB
    from edgecnn.proof.links.output_distance import closeness

    for result in given.trace(image):
        say(f"looking for the first difference at {result.operation}")
        if result.theirs.size != result.ours.size:
            found = f"shape {list(result.ours.shape)} instead of {list(result.theirs.shape)}"
        else:
            theirs = result.theirs.reshape(1, -1)
            ratio = closeness(theirs, result.ours.reshape(1, -1)).sqnr_db if theirs.size else IMPORT_SQNR_DB
            if ratio >= IMPORT_SQNR_DB:
                continue
            found = f"{ratio:.1f} dB"
        return f"the first operation that differs is {result.operation}, tensor {result.tensor} ({found})"
    return "no operation between the image and the output could be compared"


def imported_stage(reference: str) -> Stage[ImportedParameters]:
    """Return the stage that compares a file with its network; the file's source names the packages."""
    return Stage(
        "imported", 1, run, ("torch", "numpy", *find_source(reference).executed_by), forks_torch=True
    )
