"""The table of limits on files from outside, with the numbers that the readers in the code have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.openvino import ir
from edgecnn.backends.tflite import flatbuffer
from edgecnn.core import array_file, csv_rows, safetensors_header
from edgecnn.core.config import yaml_events, yaml_source
from edgecnn.data import coco, csv_manifest, idx, sizes, xml_tree
from edgecnn.models.imported import memory, onnx_file, onnx_limits, work
from edgecnn.ondevice import json_text, preprocess
from edgecnn.ondevice.service import Bounds
from edgecnn.packaging import untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator


def limit_rows() -> Iterator[tuple[str, str]]:
    """Yield a kind of file and its limits, a row of the table each."""
    yield "YAML", f"{_size(yaml_source.MAX_BYTES)}, {yaml_events.MAX_DEPTH} levels, no anchors or tags"
    numbers = "numbers within 64 bits or a finite float, no name twice in an object"
    yield "JSON", f"{_size(json_text.MOST_BYTES)}, {json_text.MOST_DEPTH} levels, {numbers}"
    yield "COCO", f"{_size(coco.MAX_BYTES)}, finite numbers, sides up to {sizes.MOST_SIDE:,} pixels"
    yield "Pascal VOC", f"{_size(xml_tree.MAX_BYTES)} a file, no document type and so no entities"
    yield "CSV", f"{_size(csv_manifest.MAX_BYTES)}, {csv_rows.MOST_COLUMNS} columns"
    image = f"{_size(preprocess.MAX_FILE_BYTES)}, {preprocess.MAX_PIXELS >> 20} Mi pixels"
    yield "image", f"{image}; larger ones are not decoded"
    yield "IDX", f"{_size(idx.MAX_BYTES)} unpacked"
    arrays = "numbers only, exactly as many bytes as the header says, never compressed, never a pickle"
    yield "`.npy`, `.npz`", f"{array_file.MOST_DIMENSIONS} dimensions, {arrays}"
    header = f"header of {_size(safetensors_header.MOST_HEADER_BYTES)}"
    yield "safetensors", f"{header}, {safetensors_header.MOST_TENSORS:,} tensors, each inside the file"
    yield "ONNX", _onnx()
    parts = f"{flatbuffer.MAX_PARTS:,} tables, {flatbuffer.MAX_NUMBERS:,} numbers in their lists"
    yield "TFLite", f"2 GiB, {parts}, every reference inside the file"
    yield (
        "OpenVINO IR",
        f"{_size(ir.MAX_XML_BYTES)} of XML, {ir.MAX_LAYERS:,} layers, tensors of {ir.MAX_VALUES:,} values, "
        "constants inside the `.bin`",
    )
    most = f"{_size(untrusted.MAX_BYTES)} and {untrusted.MAX_MEMBERS:,} members unpacked"
    yield "package", f"{most}, at most {untrusted.MAX_RATIO} times its own size, plain files with plain names"
    bounds = Bounds()
    times = f"{bounds.header_seconds:.0f} s for headers, {bounds.seconds:.0f} s in all"
    places = f"{bounds.connections} connections, {bounds.client_connections} of one client"
    yield "HTTP request to a package", f"{times}, {places}, bodies of {_size(bounds.body_bytes)}"


def _onnx() -> str:
    graph = f"{onnx_limits.MOST_NODES:,} operations, {onnx_limits.MOST_TENSORS:,} constant tensors"
    nesting = f"{onnx_limits.MOST_GRAPHS_INSIDE} graphs inside each other"
    names = f"names of {onnx_limits.MOST_NAME_BYTES:,} bytes"
    folded = f"constants that are computed from others up to {_size(onnx_file.MOST_FOLDED_BYTES)}"
    tensors = f"a tensor of {_size(memory.MOST_TENSOR_BYTES)}, all tensors of {_size(memory.MOST_BYTES)}"
    macs = f"{work.MOST_MACS // 10**12} * 10^12 multiply-accumulates"
    image = f"for one image {tensors} and {macs}, counted from shapes before anything is executed"
    return f"2 GiB, {graph}, {nesting}, {names}, tensors of the size of their shape, {folded}; {image}"


def _size(count: int) -> str:
    for shift, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if count >> shift and count % (1 << shift) == 0:
            return f"{count >> shift} {unit}"
    return f"{count / 1e6:.0f} MB"
