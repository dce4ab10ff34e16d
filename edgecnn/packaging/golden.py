"""Golden vectors: pictures, their input tensors, and the outputs of the reference kernels.

The pictures are drawn here, so that a package contains nobody's photos. They are stored as PPM, which needs
no decoding, so that every decoder gives the same pixels.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.backends.registry import find_runtime
from edgecnn.core.errors import InputError
from edgecnn.devices.local import LocalDevice
from edgecnn.ondevice.input_tensor import Feed, FeedError
from edgecnn.ondevice.preprocess import decode_image, geometry
from edgecnn.ondevice.self_test import (
    FILE,
    FOLDER,
    LITTLE_ENDIAN,
    GoldenFile,
    GoldenOutput,
    GoldenPicture,
)

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.backends.worker.runtime import Description, Execution
    from edgecnn.core.store.manifest import Artifact
    from edgecnn.ondevice.tensor import Array

_SIZES = ((96, 128), (160, 90), (75, 75), (54, 144))
"""Heights and widths: both orientations, a square, an extreme; above and below common input sizes."""

_STEPS = 4.0
"""Observed difference of LiteRT's shipping kernels from its reference kernels, in steps."""

_FLOAT_SHARE = 1e-3
"""Possible difference of another processor's float kernels, as a share of an output's peak."""

_QUANTIZED_SHARE = 0.1
"""The same for a float output after int8 kernels, which saturate on some processors (ONNX Runtime)."""

_MARGIN = 2.0


@dataclass(frozen=True)
class _Executed:
    """Execution of a model on pictures.

    Attributes:
        description: Inputs and outputs.
        tensors: The input tensor of each picture.
        outputs: Raw outputs of each picture.
    """

    description: Description
    tensors: list[Array]
    outputs: list[list[Array]]


def golden_files(artifact: Artifact, log: Path) -> dict[str, bytes]:
    """Compute the golden vectors of an artifact.

    Args:
        artifact: The artifact, whose model runs in reference and in shipping execution.
        log: File for the output of the runtime.

    Returns:
        Files by their path in a package.

    Raises:
        InputError: The model does not have a single image input.
        WorkerError: The runtime crashed or timed out.
    """
    pictures = [draw(height, width, seed) for seed, (height, width) in enumerate(_SIZES)]
    runtime = artifact.manifest.target.runtime
    executed = _execute(artifact, pictures, "reference", log)
    tensors, reference, infos = executed.tensors, executed.outputs, executed.description.outputs
    shipping = _execute(artifact, pictures, "shipping", log).outputs
    quantized = artifact.manifest.precision == "int8"
    integer = quantized and all(info.dtype in {"int8", "uint8"} for info in infos)
    files = {f"{FOLDER}/{index}.ppm": ppm(picture) for index, picture in enumerate(pictures)}
    outputs = []
    for index, info in enumerate(infos):
        values = np.stack([found[index][0] for found in reference])
        others = np.stack([found[index][0] for found in shipping])
        name = f"{FOLDER}/output_{index}.bin"
        files[name] = values.astype(LITTLE_ENDIAN[info.dtype]).tobytes()
        outputs.append(
            GoldenOutput(
                name=info.name,
                file=name,
                dtype=info.dtype,
                shape=values.shape[1:],
                channels_last=info.channels_last,
                scale=info.scale,
                zero_point=info.zero_point,
                tolerance=_tolerance(values, others, integer=integer, quantized=quantized),
            )
        )
    document = GoldenFile(
        input=executed.description.inputs[0],
        pictures=tuple(
            GoldenPicture(name, hashlib.sha256(_bytes(tensor)).hexdigest())
            for name, tensor in zip(sorted(files)[: len(pictures)], tensors, strict=True)
        ),
        outputs=tuple(outputs),
        exact=(runtime,) if integer and find_runtime(runtime).exact_reference else (),
    )
    files[f"{FOLDER}/{FILE}"] = (json.dumps(document.to_json(), indent=1) + "\n").encode()
    return files


def draw(height: int, width: int, seed: int) -> npt.NDArray[np.uint8]:
    """Draw discs and bars with noise, uint8 ``[height, width, 3]``: edges, gradients and every grey."""
    random = np.random.Generator(np.random.PCG64(seed))
    y, x = np.mgrid[0:height, 0:width]
    picture = np.zeros((height, width, 3), np.int64)
    picture[...] = ((x * 200) // width + (y * 55) // height)[..., None]
    for _ in range(5):
        row, column, radius = (
            int(random.integers(0, size)) for size in (height, width, max(height, width) // 3)
        )
        inside = (x - column) ** 2 + (y - row) ** 2 < radius**2
        picture[inside] = random.integers(0, 256, 3)
    picture[:, (x[0] // 4) % 5 == 0] += 25
    picture += random.integers(-8, 9, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def ppm(picture: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture uint8 ``[H, W, 3]`` as a binary PPM file.

    >>> ppm(np.zeros((1, 2, 3), np.uint8)).split()[:4]
    [b'P6', b'2', b'1', b'255']
    """
    height, width, _ = picture.shape
    return f"P6\n{width} {height}\n255\n".encode() + picture.tobytes()


def _execute(
    artifact: Artifact, pictures: list[npt.NDArray[np.uint8]], execution: Execution, log: Path
) -> _Executed:
    """Run an artifact's model on pictures."""
    contract = artifact.contract
    with LocalDevice().open(
        artifact.manifest.target.runtime, artifact.model, log=log, execution=execution
    ) as session:
        inputs, outputs = session.description.inputs, session.description.outputs
        if len(inputs) != 1:
            raise InputError(
                f"{artifact.manifest.model} has {len(inputs)} inputs; a package has one image input"
            )
        if any(info.dtype not in LITTLE_ENDIAN for info in (*inputs, *outputs)):
            raise InputError(
                f"{artifact.manifest.model} has inputs or outputs that are neither float32 nor 8-bit"
            )
        try:
            feed = Feed(inputs[0], contract)
        except FeedError as error:
            raise InputError(f"{artifact.manifest.model}: {error}") from error
        images = [geometry(decode_image(ppm(picture)), contract)[None] for picture in pictures]
        tensors = [feed.fill(image) for image in images]
        return _Executed(session.description, tensors, [session.run([tensor]) for tensor in tensors])


def _tolerance(reference: Array, shipping: Array, *, integer: bool, quantized: bool) -> float:
    """Return the allowed difference of shipping kernels: a known value, or twice the one measured here."""
    seen = float(np.abs(reference.astype(np.float64) - shipping.astype(np.float64)).max(initial=0.0))
    if integer:
        return float(math.ceil(max(_STEPS, _MARGIN * seen)))
    peak = float(np.abs(reference.astype(np.float64)).max(initial=0.0)) or 1.0
    return max(_MARGIN * seen, (_QUANTIZED_SHARE if quantized else _FLOAT_SHARE) * peak)


def _bytes(tensor: Array) -> bytes:
    return tensor.astype(LITTLE_ENDIAN[tensor.dtype.name]).tobytes()
