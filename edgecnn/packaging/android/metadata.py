"""TFLite metadata, which Android's tools and others read from a model file.

It is a flatbuffer (identifier ``M001``) in a buffer that the model names ``TFLITE_METADATA``, and a zip file
with the labels after the model. The runtime ignores both. Field numbers are those of ``metadata_schema.fbs``
(tensorflow/tflite-support), whose own writer needs a protobuf of 2020.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import flatbuffers

from edgecnn.backends.tflite.flatbuffer import model_bytes, read_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from edgecnn.ondevice.contract import Contract

BUFFER = "TFLITE_METADATA"
IDENTIFIER = b"M001"

_LABELS_OF_AN_AXIS = 2
_IMAGE_PROPERTIES, _NORMALIZATION = 2, 1
_COLOR_SPACES = {"rgb": 1, "gray": 2, "bgr": 0}


def with_metadata(
    model: Path, *, name: str, version: str, licence: str, contract: Contract, labels: bytes, labels_file: str
) -> bytes:
    """Return a TFLite file with metadata and labels.

    Args:
        model: The model file.
        name: Name of the model.
        version: Its version.
        licence: Its licence.
        contract: Preprocessing contract of the input.
        labels: Content of the file of labels.
        labels_file: Its name.

    Raises:
        InputError: It is not a TFLite file.
    """
    content = _metadata(name, version, licence, contract, labels_file)
    loaded = read_model(model)
    _attach(loaded, content)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        info = zipfile.ZipInfo(labels_file)  # always dated 1980
        archive.writestr(info, labels)
    return model_bytes(loaded) + packed.getvalue()


def _attach(model: Any, content: bytes) -> None:
    """Put metadata into a model, replacing existing metadata."""
    from ai_edge_litert import schema_py_generated as schema

    kept = [item for item in model.metadata or [] if item.name != BUFFER.encode()]
    buffer = schema.BufferT()
    buffer.data = content
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = BUFFER.encode(), len(model.buffers) - 1
    model.metadata = [*kept, entry]


def _metadata(name: str, version: str, licence: str, contract: Contract, labels_file: str) -> bytes:
    builder = flatbuffers.Builder(1024)
    labels = _table(
        builder,
        3,
        {0: builder.CreateString(labels_file), 1: builder.CreateString("Names of the classes")},
        {2: _LABELS_OF_AN_AXIS},
    )
    files = _vector(builder, [labels])
    output = _table(builder, 7, {0: builder.CreateString("classes"), 6: files})
    inputs, outputs = _vector(builder, [_input(builder, contract)]), _vector(builder, [output])
    graph = _table(builder, 5, {2: inputs, 3: outputs})
    fields = {
        0: builder.CreateString(name),
        1: builder.CreateString("Built and proven by edgecnn"),
        2: builder.CreateString(version),
        3: _vector(builder, [graph]),
        5: builder.CreateString(licence),
        7: builder.CreateString("1.0.0"),
    }
    builder.Finish(_table(builder, 8, fields), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _input(builder: Any, contract: Contract) -> int:
    """Describe the image input: its colours, and the normalization of values 0..255."""
    means, deviations = (_floats(builder, values) for values in (contract.mean, contract.std))
    options = _table(builder, 2, {0: means, 1: deviations})
    unit = _table(builder, 2, {1: options}, {0: _NORMALIZATION})
    units = _vector(builder, [unit])
    image = _table(builder, 2, {}, {0: _COLOR_SPACES[contract.color]})
    content = _table(builder, 3, {1: image}, {0: _IMAGE_PROPERTIES})
    low, high = contract.lookup()[0], contract.lookup()[255]
    smallest, largest = _floats(builder, low.tolist()), _floats(builder, high.tolist())
    stats = _table(builder, 2, {0: largest, 1: smallest})
    return _table(builder, 7, {0: builder.CreateString("image"), 3: content, 4: units, 5: stats})


def _table(builder: Any, size: int, offsets: dict[int, int], numbers: dict[int, int] | None = None) -> int:
    """Write a table of ``size`` fields: offsets of earlier objects, and small numbers."""
    builder.StartObject(size)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    for slot, number in (numbers or {}).items():
        builder.PrependInt8Slot(slot, number, 0)
    return int(builder.EndObject())


def _vector(builder: Any, offsets: Sequence[int]) -> int:
    return _filled(builder, offsets, builder.PrependUOffsetTRelative)


def _floats(builder: Any, values: Sequence[float]) -> int:
    return _filled(builder, values, builder.PrependFloat32)


def _filled(builder: Any, values: Sequence[Any], prepend: Callable[[Any], None]) -> int:
    """Write a vector of four-byte elements, from its end, as flatbuffer builders do."""
    builder.StartVector(4, len(values), 4)
    for value in reversed(values):
        prepend(value)
    return int(builder.EndVector())
