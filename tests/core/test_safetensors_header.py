"""Safetensors files are checked before a library reads them, wherever they are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.recovered import CHECKPOINT_FILE, Recovered
from edgecnn.core.errors import InputError
from edgecnn.core.safetensors_header import read_arrays


def file_of(path: Path, header: object, data: bytes = b"") -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(shape: object, end: int, kind: object = "F32") -> dict[str, object]:
    return {"w": {"dtype": kind, "shape": shape, "data_offsets": [0, end]}}


HOSTILE: dict[str, tuple[object, bytes]] = {
    "no object": ([], b""),
    "type that is a list": (entry([1], 4, ["F32"]), bytes(4)),
    "unknown type": (entry([1], 4, "F33"), bytes(4)),
    "huge shape": (entry([1 << 40], 4), bytes(4)),
    "outside": (entry([2], 8), bytes(4)),
    "negative": (entry([-1], -4), bytes(4)),
    "text": (entry("1", 4), bytes(4)),
    "many dimensions": (entry([1] * 1000, 4), bytes(4)),
    "overlapping": ({**entry([1], 4), "v": entry([1], 4)["w"]}, bytes(4)),
    "bytes behind": (entry([1], 4), bytes(8)),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_headers_are_one_line(tmp_path: Path, what: str) -> None:
    file = file_of(tmp_path / "w.safetensors", *HOSTILE[what])
    with pytest.raises(InputError, match=r"w\.safetensors is not a whole safetensors file") as caught:
        read_arrays(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\x08", b"\xff" * 8, (1 << 40).to_bytes(8, "little"), b"no file of tensors"]
)
def test_other_content_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(InputError, match=r"w\.safetensors is not a whole safetensors file"):
        read_arrays(tmp_path / "w.safetensors")


def test_arrays_are_read(tmp_path: Path) -> None:
    wanted: dict[str, Any] = {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.zeros(0, np.int8),
    }
    save_file(wanted, tmp_path / "w.safetensors")
    found = read_arrays(tmp_path / "w.safetensors")
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_weights_of_a_recovery_are_checked_too(tmp_path: Path) -> None:
    file_of(tmp_path / CHECKPOINT_FILE, *HOSTILE["huge shape"])
    with pytest.raises(InputError, match="is not a whole safetensors file"):
        Recovered.of(QuantizeRequest("int8", None, "x86-64-avx2", network=tmp_path))
