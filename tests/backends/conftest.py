"""One small real network, lowered once a session to every format, and real pictures to calibrate with."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.backends.entry import FormatFile, LowerRequest, QuantizeFileRequest
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import model_file
from edgecnn.backends.registry import find_format
from edgecnn.core import process
from edgecnn.core.documents.arguments import to_plain
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.normalize import normalize
from tests.conftest import picture
from tests.support.mobilenetv2 import SIZE, mobilenetv2, see

CLASSES, IMAGES = 10, 24
AVX2 = "x86-64-avx2"
CONTRACT = Contract(height=SIZE, width=SIZE)

Make = Callable[[str], "Made"]


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """Bars, discs and slopes with noise, uint8 ``[N, 32, 32, 3]``."""
    return np.stack([picture(index % 3, index, SIZE, SIZE) for index in range(IMAGES)])


@pytest.fixture(scope="session")
def calibration(tmp_path_factory: pytest.TempPathFactory, pictures: np.ndarray) -> Path:
    """The pictures as a prepared set."""
    folder = tmp_path_factory.mktemp("calibration")
    names = tuple(f"picture {index}" for index in range(IMAGES))
    labels = np.arange(IMAGES, dtype=np.int64) % CLASSES
    PreparedSet.write(folder, pictures, labels, classes=(), names=names, contract=CONTRACT)
    return folder


@pytest.fixture(scope="session")
def network(pictures: np.ndarray) -> tuple[nn.Module, ModelSpec]:
    """A MobileNetV2 of four blocks whose batch norm has seen the pictures, and its spec."""
    module, spec = mobilenetv2([str(index) for index in range(CLASSES)])
    images = torch.from_numpy(normalize(pictures, CONTRACT).transpose(0, 3, 1, 2))
    return see(module, [images] * 30), spec.model_copy(update={"contract": CONTRACT})


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, network: tuple[nn.Module, ModelSpec]) -> Path:
    """The network as a checkpoint."""
    folder = tmp_path_factory.mktemp("checkpoint")
    save_checkpoint(folder, *network)
    return folder


@dataclass(frozen=True)
class Made:
    """A model file that a format made in a process of its own.

    Attributes:
        file: The model file.
        value: What the entry function returned.
        imported: Top-level packages that the process had imported in the end.
    """

    file: Path
    value: Any
    imported: set[str]


@pytest.fixture(scope="session")
def lower(tmp_path_factory: pytest.TempPathFactory, checkpoint: Path) -> Make:
    """Lower the network to a format, once a session."""

    @functools.cache
    def lowered(name: str) -> Made:
        out = tmp_path_factory.mktemp(f"float-{name}")
        value, imported = in_child("lower", LowerRequest(name, checkpoint, out))
        return Made(model_file(out, name), value, imported)

    return lowered


@pytest.fixture(scope="session")
def quantize(tmp_path_factory: pytest.TempPathFactory, lower: Make, calibration: Path) -> Make:
    """Quantize the network to int8 in a format, for x86 without VNNI, once a session."""

    @functools.cache
    def quantized(name: str) -> Made:
        out = tmp_path_factory.mktemp(f"int8-{name}")
        how = QuantizeRequest("int8", calibration, AVX2)
        value, imported = in_child(
            "quantize", QuantizeFileRequest(FormatFile(name, lower(name).file), out, how)
        )
        return Made(model_file(out, name), value, imported)

    return quantized


@pytest.fixture
def request_int8(calibration: Path) -> QuantizeRequest:
    """The plain int8 request."""
    return QuantizeRequest("int8", calibration, AVX2)


@pytest.fixture(scope="session")
def truth(network: tuple[nn.Module, ModelSpec], pictures: np.ndarray) -> np.ndarray:
    """Return PyTorch's outputs of the network for the pictures, ``[N, 10]``."""
    with torch.inference_mode():
        answers: np.ndarray = network[0](
            torch.from_numpy(normalize(pictures, CONTRACT).transpose(0, 3, 1, 2))
        ).numpy()
    return answers


def sqnr(want: np.ndarray, have: np.ndarray) -> float:
    """Return the signal to quantization noise ratio in dB."""
    return float(10 * np.log10(np.square(want).sum() / max(np.square(want - have).sum(), 1e-30)))


_CALL = """
import json, sys
from edgecnn.backends import entry
from edgecnn.core.documents.arguments import from_plain, to_plain
function = getattr(entry, sys.argv[1])
kind = getattr(entry, next(iter(function.__annotations__.values())))
value = to_plain(function(from_plain(kind, json.loads(sys.argv[2]))))
print(json.dumps([value, sorted({name.partition(".")[0] for name in sys.modules if sys.modules[name]})]))
"""


def in_child(function: str, request: object) -> tuple[Any, set[str]]:
    """Call a function of ``edgecnn.backends.entry`` in a fresh process.

    Returns:
        What the function returned, and the top-level packages that the process imported.
    """
    finished = subprocess.run(
        [sys.executable, "-c", _CALL, function, json.dumps(to_plain(request))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **process.quiet_environment()},
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    value, imported = json.loads(finished.stdout.splitlines()[-1])
    return value, set(imported)


def foreign_files(folder: Path, name: str, whole: Path) -> dict[str, Path]:
    """Return files that are no model of format ``name``, by what is wrong with each."""
    data = whole.read_bytes()
    contents = {
        "empty": b"",
        "text": b"this is not a model\n" * 20,
        "zeros": bytes(4096),
        "truncated by a byte": data[:-1],
        "half": data[: len(data) // 2],
        "head": data[:100],
    }
    made = {}
    for what, content in contents.items():
        made[what] = folder / f"{what.replace(' ', '-')}{find_format(name).suffix}"
        made[what].write_bytes(content)
    return made
