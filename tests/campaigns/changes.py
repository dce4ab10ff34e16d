"""Ways of changing a file for the campaign against parsers: its bytes, its values, its structure."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import onnx
from google.protobuf.message import EncodeError, Message  # type: ignore[import-untyped]

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

    Change = Callable[[bytes, random.Random], bytes]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, -0.0, 2**31, 2**63 - 1, 2**64, 10**400, 1.5, float("nan"), float("inf")),
    *(-1e308, "", "x", "\0", "\ud800", "../../etc/passwd", "/etc/passwd", "a" * 10_000, [], {}, [[]], [None]),
    *(
        {"": None},
        {"a": {"a": {}}},
        "0",
        "-1",
        "1e999",
        "٣",
        "1 %",
        "3 kB",
        [2**40] * 4,
        "a\x1b[2J\nb",
        "nan",
    ),
)
_WORDS = rb"""[ { } " < & - nan 1e999 : !! *a & , true 0x _ . ../ ' # | > % @ ? ~ null yes"""
TOKENS = (
    *_WORDS.split(b" "),
    *(b"\0", b"\xff", b"9" * 20, b"9" * 5000, b"\n", b"\r", b"[" * 500, b"<a>" * 50, b"- ", b"? ", b"0 "),
    *(b" 1", b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e".encode(), "\u2028".encode(), b"a" * 10_000),
)
_NUMBERS = (0, 1, -1, 2, 3, 255, 65535, 2**31 - 1, -(2**31), 2**31, 2**32 - 1, 2**40, 2**63 - 1, -(2**63))
_TEXTS = ("", "x", "a" * 5000, "../../etc/passwd", "\0", "a\nb", "input", "output")
_ATTRIBUTE = re.compile(rb'="([^"]*)"')
_ELEMENT = re.compile(rb"<(\w+)[^<>]*/>|<(\w+)[^<>]*>[^<>]*</\2>", re.ASCII)


def other_bytes(seed: bytes, choose: random.Random) -> bytes:
    """Change, remove, repeat and insert bytes."""
    data = bytearray(seed)
    for _ in range(choose.randrange(1, 8)):
        place, change = choose.randrange(len(data) + 1), choose.random()
        if change < 0.4 and place < len(data):
            data[place] = choose.randrange(256)
        elif change < 0.6:
            del data[place : place + choose.randrange(1, 30)]
        elif change < 0.8:
            start = choose.randrange(len(data) + 1)
            data[place:place] = data[start : start + choose.randrange(1, 60)]
        elif change < 0.85:
            data[place : place + 4] = choose.choice([0, 1, 2**31, 2**32 - 1, 65535]).to_bytes(4, "little")
        else:
            data[place:place] = choose.choice(TOKENS)
    return bytes(data)


def other_json(seed: bytes, choose: random.Random) -> bytes:
    """Replace, remove and add values of a JSON file."""
    data = json.loads(seed)
    for _ in range(choose.choice([1, 1, 1, 2, 3])):
        places = list(_places(data))
        if not places:
            break
        *path, last = choose.choice(places)
        inner = data
        for key in path:
            inner = inner[key]
        change = choose.random()
        if change < 0.7:
            inner[last] = copy.deepcopy(choose.choice(VALUES))
        elif change < 0.85:
            del inner[last]
        elif isinstance(inner, dict):
            inner[f"{last}x"] = copy.deepcopy(choose.choice(VALUES))
        else:
            inner.append(copy.deepcopy(choose.choice(VALUES)))
    return json.dumps(data).encode()


def _places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data[:6]) if isinstance(data, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def other_header(seed: bytes, choose: random.Random) -> bytes:
    """Change the JSON header of a safetensors file, with the right length before it."""
    end = 8 + int.from_bytes(seed[:8], "little")
    header = other_json(seed[8:end], choose)
    return len(header).to_bytes(8, "little") + header + seed[end:]


def other_attributes(seed: bytes, choose: random.Random) -> bytes:
    """Replace values of attributes of an XML file, and remove or repeat elements."""
    data = seed
    for _ in range(choose.choice([1, 1, 2, 4])):
        change = choose.random()
        found = list((_ATTRIBUTE if change < 0.7 else _ELEMENT).finditer(data))
        if not found:
            break
        hit = choose.choice(found)
        if change < 0.7:
            value = choose.choice(
                [
                    str(choose.choice(_NUMBERS)),
                    *_TEXTS[:3],
                    "1,-1,8,8",
                    "f32",
                    "u1",
                    "nan",
                    hit[1].decode(errors="replace"),
                ]
            )
            data = data[: hit.start(1)] + value.encode() + data[hit.end(1) :]
        elif change < 0.85:
            data = data[: hit.start()] + data[hit.end() :]
        else:
            data = data[: hit.start()] + hit[0] * choose.choice([2, 3, 50]) + data[hit.end() :]
    return data


def other_onnx(seed: bytes, choose: random.Random) -> bytes:
    """Change fields of an ONNX file's messages, wherever they are."""
    model = onnx.ModelProto.FromString(seed)
    for _ in range(choose.choice([1, 1, 2, 4])):
        messages = list(_messages(model))
        _change_message(choose.choice(messages), messages, choose)
    try:
        content: bytes = model.SerializeToString()
    except EncodeError:  # of a text that cannot be UTF-8
        return other_bytes(seed, choose)
    return content


def _messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in (value,) if isinstance(value, Message) else value:
                yield from _messages(item)


def _change_message(message: Message, messages: list[Message], choose: random.Random) -> None:
    """Set, remove, repeat or reorder a field of a message."""
    fields = [field for field, _ in message.ListFields()]
    if choose.random() < 0.3 or not fields:
        fields = list(message.DESCRIPTOR.fields)
    field = choose.choice(fields)
    change = choose.random()
    value = getattr(message, field.name)
    repeated = not isinstance(value, (Message, str, bytes, int, float))
    if change < 0.15:
        message.ClearField(field.name)
    elif field.message_type is not None:
        same = [item for item in messages if item.DESCRIPTOR is field.message_type]
        other = choose.choice(same) if same else None
        if repeated and len(value) > 1 and change < 0.5:
            del value[choose.randrange(len(value))]
        elif other is not None and other.ByteSize() < 10_000:
            target = value.add() if repeated else value
            target.CopyFrom(copy.deepcopy(other))
    else:
        made = _scalar(field, choose)
        if not repeated:
            setattr(message, field.name, made)
        elif len(value) and change < 0.7:
            value[choose.randrange(len(value))] = made
        else:
            value.extend([made] * choose.choice([1, 2, 40]))


def _scalar(field: Any, choose: random.Random) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        text = choose.choice(_TEXTS)
        return text.encode() if field.type == field.TYPE_BYTES else text
    if field.cpp_type in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return choose.choice([0.0, -1.0, 1e30, float("nan"), float("inf"), 0.5])
    if field.cpp_type == field.CPPTYPE_ENUM:
        return choose.choice(field.enum_type.values).number
    bits = 64 if field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else 32
    signed = field.cpp_type in (field.CPPTYPE_INT64, field.CPPTYPE_INT32)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    return choose.choice([number for number in _NUMBERS if low <= number < high])


def other_tflite(seed: bytes, choose: random.Random) -> bytes:
    """Change fields of a TFLite file's tables; what cannot be packed is changed byte by byte."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(seed))
    for _ in range(choose.choice([1, 1, 2, 4])):
        tables = list(_tables(model, vars(schema)))
        table = choose.choice(tables)
        name = choose.choice(list(vars(table)))
        value = getattr(table, name)
        if isinstance(value, list) and value and choose.random() < 0.5:
            place = choose.randrange(len(value))
            value[place : place + 1] = [value[place]] * choose.choice([0, 2, 30])
        else:
            setattr(
                table,
                name,
                choose.choice([None, *_NUMBERS[:9], b"x", b"\xff", b"a" * 5000, [], [7] * 9, value]),
            )
    try:
        return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
    except Exception:  # noqa: BLE001 - the packer checks nothing, and ends in whatever Python raises
        return other_bytes(seed, choose)


def _tables(table: Any, kinds: dict[str, Any]) -> Iterator[Any]:
    yield table
    for value in vars(table).values():
        for item in value if isinstance(value, list) else (value,):
            if type(item).__name__ in kinds and hasattr(item, "__dict__"):
                yield from _tables(item, kinds)
