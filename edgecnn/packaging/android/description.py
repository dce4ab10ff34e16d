"""``model.properties``: a model's description for the Java code, readable without a library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.ondevice.normalize import input_table
from edgecnn.ondevice.self_test import FILE, FOLDER, GoldenFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgecnn.ondevice.contract import Contract
    from edgecnn.ondevice.tensor import TensorInfo
    from edgecnn.packaging.payload import Order

PROPERTIES, TABLE = "model.properties", "input_table.bin"

Lines = dict[str, str | int | float]
"""Values of a properties file by their keys."""


def description(order: Order, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that only the Java code reads.

    Args:
        order: The package's order.
        files: Files of the package, including golden vectors.
    """
    contract = order.artifact.contract
    golden = GoldenFile.from_text(files[f"{FOLDER}/{FILE}"], FILE)
    if golden.input is None:
        raise ValueError(f"{FILE} does not describe the model's input")
    lines = {
        "name": order.name,
        "version": order.version,
        "task": order.task.kind,
        "model": order.model,
        **contract_properties(contract, golden.input),
        **_golden(golden),
        **order.task.java_properties(),
    }
    return {PROPERTIES: properties_file(lines), TABLE: table(contract, golden.input)}


def contract_properties(contract: Contract, tensor: TensorInfo) -> Lines:
    """Return the preprocessing contract with its division done, because Java uses integers only."""
    return {
        "input.height": contract.height,
        "input.width": contract.width,
        "input.color": contract.color,
        "input.dtype": tensor.dtype,
        "input.resize": contract.resize,
        "input.interpolation": contract.interpolation,
        "input.resize_height": int(contract.height / contract.crop_fraction),
        "input.resize_width": int(contract.width / contract.crop_fraction),
        "input.pad": contract.pad_value,
    }


def table(contract: Contract, tensor: TensorInfo) -> bytes:
    """Return the input value of every byte in every channel, ``[256, C]``, little-endian."""
    if tensor.scale is None:
        return contract.lookup().astype("<f4").tobytes()
    zero = tensor.zero_point or 0
    if tensor.dtype == "uint8":
        return input_table(contract, tensor.scale, zero, np.uint8).tobytes()
    return input_table(contract, tensor.scale, zero, np.int8).tobytes()


def map_properties(index: int, shape: Sequence[int], *, channels_last: bool) -> Lines:
    """Return the size of an output, and the position of a map's channels.

    Args:
        index: Index of the output.
        shape: Its shape in the file, without the batch.
        channels_last: Whether a map is ``[H, W, C]`` there.
    """
    lines: Lines = {f"output.{index}.size": math.prod(shape)}
    if len(shape) == 3:
        height, width = shape[:2] if channels_last else shape[1:]
        lines |= {f"output.{index}.height": height, f"output.{index}.width": width}
        lines[f"output.{index}.layout"] = "NHWC" if channels_last else "NCHW"
    return lines


def properties_file(lines: Mapping[str, object]) -> bytes:
    r"""Return a Java properties file.

    >>> properties_file({"name": "birds"})
    b'name=birds\n'
    """
    text = "".join(f"{key}={value}\n" for key, value in sorted(lines.items()))
    return text.encode()


def _golden(golden: GoldenFile) -> Lines:
    lines: Lines = {"outputs": len(golden.outputs), "golden.count": len(golden.pictures)}
    for index, picture in enumerate(golden.pictures):
        lines[f"golden.{index}.file"] = picture.file
        lines[f"golden.{index}.input_sha256"] = picture.input_sha256
    for index, output in enumerate(golden.outputs):
        lines |= map_properties(index, output.shape, channels_last=output.channels_last)
        lines[f"output.{index}.dtype"] = output.dtype
        lines[f"output.{index}.golden"] = output.file
        lines[f"output.{index}.tolerance"] = output.tolerance
        if output.scale is not None and output.zero_point is not None:
            lines[f"output.{index}.scale"] = float(np.float32(output.scale))
            lines[f"output.{index}.zero_point"] = output.zero_point
    return lines
