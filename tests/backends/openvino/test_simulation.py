"""The simulation of the kernels that the record names, against a real file in the CPU plugin."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.kernels import kernels_of
from edgecnn.backends.openvino.device import core
from edgecnn.backends.openvino.inspect import FLOAT32
from edgecnn.backends.openvino.lower import lower
from edgecnn.backends.openvino.quantize import quantize
from edgecnn.backends.worker.isa import ISAS
from edgecnn.devices.host import host
from edgecnn.ondevice.normalize import normalize
from edgecnn.quantization.graph import trace
from edgecnn.quantization.kernels import CLIPS, Kernels
from edgecnn.quantization.ranges import estimate
from edgecnn.quantization.simulate import Simulator
from edgecnn.quantization.sqnr import sqnr_db
from tests.backends.conftest import CLASSES, CONTRACT
from tests.support.checkpoints import write_checkpoint

LEAST_DB, LEAST_GAP_DB = 38.0, 3.0
"""Measured are 41.3 dB with the right kernels and 36.2, 13.2 and 14.5 dB with the wrong ones."""


def network() -> nn.Module:
    """Return layers that show each property: unequal channels before a depthwise layer, hard-swish."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        front, depthwise = nn.Conv2d(3, 16, 3, 2, 1), nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        head = nn.Conv2d(16, CLASSES, 16)
    with torch.no_grad():
        front.weight.mul_(torch.logspace(-1.5, 1.0, 16).reshape(-1, 1, 1, 1))
        depthwise.weight.mul_(torch.logspace(1.5, -1.0, 16).reshape(-1, 1, 1, 1))
    return nn.Sequential(front, nn.Hardswish(), depthwise, nn.Hardswish(), head, nn.Flatten()).eval()


@pytest.fixture(scope="module")
def isa() -> str:
    """The instruction set of this CPU, whose int8 products do not saturate."""
    here = ISAS.get(host().isa)
    if here is None or here.int8_saturates:
        pytest.skip(f"int8 products are exact on VNNI and on Arm only; this CPU is {host().isa}")
    return here.name


@pytest.fixture(scope="module")
def images(pictures: np.ndarray) -> Tensor:
    """The calibration images as the network takes them, float32 ``[N, 3, 32, 32]``."""
    return torch.from_numpy(np.ascontiguousarray(normalize(pictures, CONTRACT).transpose(0, 3, 1, 2)))


@pytest.fixture(scope="module")
def answers(
    isa: str, images: Tensor, calibration: Path, tmp_path_factory: pytest.TempPathFactory
) -> np.ndarray:
    """What the plugin answers with a file that is quantized for this CPU, float32 ``[N, classes]``."""
    folder = tmp_path_factory.mktemp("simulation")
    write_checkpoint(folder, network, network(), contract=CONTRACT, classes=CLASSES)
    request = QuantizeRequest("int8", calibration, isa, {"ranges": "extremes"})
    quantize(lower(folder, folder / "model.xml"), folder / "int8.xml", request)
    properties = {**FLOAT32, "INFERENCE_NUM_THREADS": 1}
    compiled = core().compile_model(str(folder / "int8.xml"), "CPU", properties)
    return np.concatenate([compiled([image[None]])[0].copy() for image in images.numpy()])


def _simulated(kernels: Kernels, images: Tensor) -> np.ndarray:
    module = network()
    simulator = Simulator(module, trace(module, images[:1]), kernels)
    seen = simulator.observe(images).seen
    simulator.use(estimate(seen, simulator.points.outputs, 1.0))
    with torch.no_grad():
        return np.asarray(simulator.run(images))


def test_the_record_promises_what_the_plugin_computes(isa: str, images: Tensor, answers: np.ndarray) -> None:
    promised = kernels_of("openvino", isa)
    right = sqnr_db([answers], [_simulated(promised, images)])
    assert right > LEAST_DB, f"the simulation of {promised.name} is not what the plugin computes"
    wrong = {
        "weights of pairs that saturate": replace(promised, weights="pairs-c"),
        "activations on int8 grids": replace(promised, fused=CLIPS),
        "one range for all channels": replace(promised, channel_grids=False),
    }
    for what, kernels in wrong.items():
        found = sqnr_db([answers], [_simulated(kernels, images)])
        assert found < right - LEAST_GAP_DB, f"{what}: {found:.1f} dB, promised {right:.1f} dB"
