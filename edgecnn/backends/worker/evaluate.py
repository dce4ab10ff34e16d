"""Run every image of a prepared set through an open runtime and keep the outputs."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.backends.worker.messages import Evaluated
from edgecnn.core.array_file import read_array
from edgecnn.core.errors import InputError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.ondevice.input_tensor import Feed, FeedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Runtime
    from edgecnn.ondevice.contract import Contract

_PROGRESS_SECONDS = 0.5


def open_images(path: Path, contract: Contract) -> npt.NDArray[np.uint8]:
    """Map the images of a prepared set, uint8 ``[N, H, W, C]``.

    Raises:
        InputError: The file is not an array of images of the contract's size.
    """
    images = read_array(path, mapped=True)
    wanted = (contract.height, contract.width, contract.channels)
    if images.dtype != np.uint8 or images.shape[1:] != wanted:
        raise InputError(
            f"{path} holds {images.dtype} {list(images.shape)}; the contract wants uint8 [N, {wanted[0]}, "
            f"{wanted[1]}, {wanted[2]}]"
        )
    checked: npt.NDArray[np.uint8] = images
    return checked


def select(count: int, indices: Sequence[int] | None) -> npt.NDArray[np.int64]:
    """Return the indices of the images to run, all ``count`` of them if ``indices`` is None.

    Raises:
        InputError: There are no images, or an index is out of range.
    """
    chosen = np.arange(count) if indices is None else np.asarray(indices, np.int64)
    if chosen.size == 0:
        raise InputError("there are no images to evaluate")
    if chosen.min() < 0 or chosen.max() >= count:
        raise InputError(f"image index {chosen.max()} is out of range: there are {count} images")
    return chosen.astype(np.int64)


class OutputFile:
    """A float32 ``.npy`` file ``[N, ...]`` written one result at a time, so that memory stays bounded.

    The file is written, not memory-mapped: on a full disk a mapped file would kill the process.

    Args:
        path: Path of the file.
        count: N, the number of results.
    """

    def __init__(self, path: Path, count: int) -> None:
        self._path = path
        self._count = count
        self._shape: tuple[int, ...] | None = None

    def __enter__(self) -> OutputFile:
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, result: npt.NDArray[np.float32]) -> None:
        """Write one result ``[1, ...]``; the first result's shape is the file's, with dynamic dimensions.

        Raises:
            InputError: The result has no batch dimension of 1, or another shape than the first.
        """
        if self._shape is None:
            if result.ndim == 0 or result.shape[0] != 1:
                raise InputError(f"an output has shape {list(result.shape)}; evaluation needs [1, ...]")
            self._shape = result.shape
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._count, *result.shape[1:])}
            np.lib.format.write_array_header_1_0(self._file, header)
        if result.shape != self._shape:
            raise InputError(f"an output changes its shape from {list(self._shape)} to {list(result.shape)}")
        self._file.write(np.ascontiguousarray(result).data)


def evaluate(
    runtime: Runtime,
    images: npt.NDArray[np.uint8],
    indices: npt.NDArray[np.int64],
    contract: Contract,
    *,
    out: Path,
    progress: Callable[[int, int], None],
) -> Evaluated:
    """Run images one by one and write the outputs of each.

    Args:
        runtime: An open runtime with one image input of batch 1.
        images: uint8 ``[N, H, W, C]``, geometry and colour order applied.
        indices: Indices of the images, in order.
        contract: Their normalization.
        out: Directory for ``outputs_0.npy``, ``outputs_1.npy``, ...
        progress: Called with (done, total) images twice a second.

    Raises:
        InputError: The network has several inputs, or its input does not fit the contract.
    """
    description = runtime.describe()
    if len(description.inputs) != 1:
        raise InputError(
            f"the model has {len(description.inputs)} inputs; evaluation needs a single image input"
        )
    try:
        feed = Feed(description.inputs[0], contract)
    except FeedError as error:
        raise InputError(
            str(error), hint="the preprocessing contract and the model file must be for the same input size"
        ) from error
    paths = tuple(out / f"outputs_{index}.npy" for index in range(len(description.outputs)))
    inside = 0
    started = reported = time.monotonic()
    with contextlib.ExitStack() as files:
        stores = [files.enter_context(OutputFile(path, len(indices))) for path in paths]
        for done, tensor in enumerate(feed.stream(images, indices), start=1):
            before = time.perf_counter_ns()
            results = runtime.run([tensor])
            inside += time.perf_counter_ns() - before
            for store, info, result in zip(stores, description.outputs, results, strict=True):
                store.append(info.as_in_torch(info.dequantize(result)))
            now = time.monotonic()
            if now - reported >= _PROGRESS_SECONDS:
                reported = now
                progress(done, len(indices))
    progress(len(indices), len(indices))
    return Evaluated(
        outputs=tuple(str(path) for path in paths),
        images=len(indices),
        seconds=time.monotonic() - started,
        inference_seconds=inside / 1e9,
        peak_bytes=peak_memory_bytes(),
    )
