"""Decoding of a source into a prepared set, once for every target."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from edgecnn.core.errors import InputError, not_written
from edgecnn.data.objects import Objects
from edgecnn.data.prepared import PreparedSet, PreparedWriter
from edgecnn.data.sampling import stratified
from edgecnn.ondevice.preprocess import ImageError, geometry, upright_size

if TYPE_CHECKING:
    from PIL import Image

    from edgecnn.data.base import ImageSource
    from edgecnn.ondevice.contract import Contract

OnBadImage = Literal["error", "skip"]
Progress = Callable[[int, int], None]
"""Called with (done, total) images."""

_BLOCK_BYTES = 1 << 24
_BLOCK_IMAGES = 256
_MAX_THREADS = 4


@dataclass
class _Block:
    """Images that one task of the pool decoded: the good ones in order, the bad ones by name."""

    images: npt.NDArray[np.uint8]
    indices: list[int] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)


def prepare(
    source: ImageSource,
    contract: Contract,
    out_dir: Path,
    *,
    on_bad_image: OnBadImage = "error",
    limit: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> PreparedSet:
    """Decode the images of a source, run the contract's geometry, and write a prepared set.

    The result does not depend on ``threads``. Memory is bounded: a few blocks of at most 16 MiB of resized
    pixels, and one decoded photo per thread.

    Args:
        source: Source of the images.
        contract: Preprocessing.
        out_dir: Directory of the prepared set; an existing one is replaced.
        on_bad_image: Whether a corrupt image is an error, or is left out and recorded in ``skipped``.
        limit: Largest number of images to prepare, chosen evenly over the classes.
        seed: Seed of that choice.
        threads: Decoding threads; None means one per CPU, at most four.
        progress: Called with (done, total) after every block.

    Raises:
        InputError: A corrupt image (or every image, when skipping), an empty source, or a directory
            that cannot be written.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit {limit} leaves no image", hint="a limit is a number of images, at least 1")
    wanted = _chosen(source, limit, seed)
    if not len(wanted):
        raise InputError("the dataset is empty", hint="put at least one image into it")
    workers = threads or min(_MAX_THREADS, len(os.sched_getaffinity(0)))
    skipped: dict[str, str] = {}
    kept: list[int] = []
    try:
        with PreparedWriter(out_dir, contract, source.classes) as writer:
            for block in _decoded(source, contract, wanted, workers):
                if block.bad and on_bad_image == "error":
                    name, reason = next(iter(block.bad.items()))
                    what = "it" if source.objects is None else "the image or its annotation"
                    hint = (
                        f"repair or remove {what}, or leave it out: data.bad_images: skip, --skip-bad-images"
                    )
                    raise InputError(f"image {name} cannot be used: {reason}", hint=hint)
                names = [source.name(index) for index in block.indices]
                writer.append(block.images, source.labels[block.indices], names)
                skipped |= block.bad
                kept += block.indices
                if progress is not None:
                    progress(len(kept) + len(skipped), len(wanted))
            if len(skipped) == len(wanted):
                name, reason = next(iter(skipped.items()))
                raise InputError(
                    f"no image of {len(wanted)} can be used; the first is {name}: {reason}",
                    hint="repair the images, or give others",
                )
            return writer.finish(skipped, _kept_objects(source, kept))
    except OSError as error:
        raise not_written(out_dir, error) from error


def undecoded(source: ImageSource, contract: Contract, limit: int | None = None) -> PreparedSet:
    """Return the prepared set of a source with its labels and black images: nothing is decoded or written.

    Args:
        source: Source of the images.
        contract: Preprocessing.
        limit: Largest number of images, as for :func:`prepare`.
    """
    wanted = _chosen(source, limit, seed=0)
    shape = (len(wanted), contract.height, contract.width, contract.channels)
    return PreparedSet(
        directory=Path(),
        images=np.broadcast_to(np.uint8(0), shape),
        labels=source.labels[wanted],
        classes=source.classes,
        names=tuple(source.name(index) for index in map(int, wanted)),
        contract=contract,
        skipped={},
        digest="",
        objects=None if source.objects is None else source.objects.select(wanted),
    )


def _chosen(source: ImageSource, limit: int | None, seed: int) -> npt.NDArray[np.int64]:
    return np.arange(len(source)) if limit is None else stratified(source.labels, limit, seed)


def _decoded(
    source: ImageSource, contract: Contract, wanted: npt.NDArray[np.int64], threads: int
) -> Iterator[_Block]:
    """Yield the decoded blocks in order, decoding a few ahead."""
    image_bytes = contract.height * contract.width * contract.channels
    size = max(1, min(_BLOCK_IMAGES, _BLOCK_BYTES // image_bytes))
    ahead: deque[Future[_Block]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for start in range(0, len(wanted), size):
            ahead.append(pool.submit(_decode_block, source, contract, wanted[start : start + size]))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_block(source: ImageSource, contract: Contract, indices: npt.NDArray[np.int64]) -> _Block:
    shape = (len(indices), contract.height, contract.width, contract.channels)
    block = _Block(np.empty(shape, np.uint8))
    for index in map(int, indices):
        try:
            image = source.load(index)
            _check_objects(source, index, image)
            block.images[len(block.indices)] = geometry(image, contract)
        except ImageError as error:
            block.bad[source.name(index)] = str(error)
        else:
            block.indices.append(index)
    block.images = block.images[: len(block.indices)]
    return block


def _check_objects(source: ImageSource, index: int, image: Image.Image) -> None:
    """Refuse an image that contradicts its boxes."""
    if source.objects is not None:
        problem = source.objects[index].problem(upright_size(image))
        if problem is not None:
            raise ImageError(problem)


def _kept_objects(source: ImageSource, kept: list[int]) -> Objects | None:
    if source.objects is None:
        return None
    return Objects(tuple(source.objects[index].clipped() for index in kept))


def check_class_count(names: tuple[str, ...], classes: int) -> None:
    """Check the number of classes of a dataset, if it names its classes.

    Args:
        names: Classes of the dataset.
        classes: Number of classes of the network.

    Raises:
        InputError: The numbers differ.
    """
    if names and len(names) != classes:
        raise InputError(
            f"the dataset has {len(names)} classes, the network has {classes}",
            hint="a classes.txt beside the images can name all classes, in the order of the outputs",
        )


def check_labels(prepared: PreparedSet, classes: int, *, boxes: bool = False) -> None:
    """Check that every image, or every box, has a label that a network of ``classes`` can predict.

    Args:
        prepared: The images.
        classes: Classes of the network.
        boxes: Whether the network is a detector.

    Raises:
        InputError: A label is missing or out of range; the set has another number of classes than the
            network; a detector gets images without boxes, or a classifier images with boxes.
    """
    if boxes != (prepared.objects is not None):
        needed, found = ("a detector", "labels only") if boxes else ("a classifier", "boxes")
        hint = (
            "a detector needs a COCO file, or a folder of images/ with annotations/ (VOC) or labels/ (YOLO)"
        )
        if not boxes:
            hint = "a classifier needs a folder with one sub-folder a class, or a CSV file (path,label)"
        raise InputError(f"the network is {needed}, but the dataset has {found}", hint=hint)
    if classes == 0:
        raise InputError(
            "the dataset does not name its classes",
            hint="put a classes.txt beside it: one name a line, in the order of the labels",
        )
    check_class_count(prepared.classes, classes)
    labels, owners = prepared.labels, np.arange(len(prepared))
    if prepared.objects is not None:
        labels = np.concatenate([np.empty(0, np.int64), *(image.labels for image in prepared.objects)])
        owners = np.repeat(owners, [len(image) for image in prepared.objects])
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        name, label = prepared.names[owners[wrong[0]]], int(labels[wrong[0]])
        problem, hint = "no label", "give it one: put it into the sub-folder of its class, or into a CSV file"
        if label >= 0:
            problem = f"label {label}, but the network has {classes} classes"
            hint = f"labels count from 0, so the last is {classes - 1}: correct the label"
        raise InputError(f"image {name} has {problem}", hint=hint)
