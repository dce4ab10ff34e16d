"""What children of stages import: a library costs seconds of each, so none is loaded that is not used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgecnn.backends.entry import FormatFile, LowerRequest, QuantizeFileRequest, ReferenceFileRequest
from edgecnn.backends.format import QuantizeRequest
from edgecnn.core.config.training import TrainSettings
from edgecnn.core.documents.arguments import to_plain
from edgecnn.core.process import call
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.spec_file import read_spec
from edgecnn.pipeline.stages.imported import ImportedRequest
from edgecnn.pipeline.stages.network import NetworkParameters, NetworkRequest
from edgecnn.pipeline.stages.prune import PruneParameters, PruneRequest
from edgecnn.pipeline.stages.reference import ReferenceRequest
from edgecnn.pipeline.stages.train import TrainParameters
from edgecnn.quantization.kernels import Kernels
from edgecnn.quantization.requests import EqualizeParameters, EqualizeRequest
from tests.pipeline.stages.test_imported import write_file
from tests.support.loaded_packages import Entry, TrainRequest
from tests.support.mobilenetv2 import FOUR_BLOCKS, REFERENCE, SIDES, SIZE

PROJECT = Path(__file__).parents[3]


def loaded(folder: Path, name: str, argument: Any) -> set[str]:
    entry = Entry(name, to_plain(argument))
    child = call("tests.support.loaded_packages:load", entry, log=folder / "log")
    return set(child.read(list[str]))


OF_NETWORK = {"torch", "torchvision"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a checkpoint and a prepared set; what made and ran the network is looked at here."""
    folder = tmp_path_factory.mktemp("imports")
    network, images = folder / "network", folder / "images"
    wanted = NetworkParameters(
        reference=REFERENCE,
        arguments=dict(FOUR_BLOCKS),
        classes=["cat", "dog"],
        contract=dict(SIDES),
        pretrained=False,
        weights=None,
        content="",
        seed=0,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(PROJECT))
        request = NetworkRequest(wanted, network)
        assert loaded(folder, "edgecnn.pipeline.stages.network:build", request) == OF_NETWORK
        PreparedSet.write(
            images,
            np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), np.uint8),
            np.zeros(8, np.int64),
            classes=("cat", "dog"),
            names=tuple("abcdefgh"),
            contract=read_spec(network).contract,
        )
        outputs = ReferenceRequest(network, images, None, folder / "reference")
        assert loaded(folder, "edgecnn.pipeline.stages.reference:infer", outputs) == OF_NETWORK
    return folder


@pytest.mark.parametrize(
    ("format_name", "file", "lowering", "quantization", "inspection"),
    [
        ("onnx", "model.onnx", set(), {"onnxruntime"}, {"onnxruntime"}),
        ("openvino", "model.xml", {"openvino"}, {"openvino", "nncf", "torch"}, {"openvino"}),
        pytest.param(
            *("tflite", "model.tflite", {"litert_torch", "torchao", "jax"}, set(), set()),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_child_loads_only_what_it_uses(
    tmp_path: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    format_name: str,
    file: str,
    lowering: set[str],
    quantization: set[str],
    inspection: set[str],
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    out, found = tmp_path / "out", {}
    for name, argument in {
        "lower": LowerRequest(format_name, folder / "network", out),
        "quantize": QuantizeFileRequest(
            FormatFile(format_name, out / file),
            tmp_path / "int8",
            QuantizeRequest("int8", folder / "images", "x86-64-avx2"),
        ),
        "inspect": FormatFile(format_name, tmp_path / "int8" / file),
        "reference": ReferenceFileRequest(
            FormatFile(format_name, tmp_path / "int8" / file), tmp_path / "file"
        ),
    }.items():
        found[name] = loaded(tmp_path, f"edgecnn.backends.entry:{name}", argument)
    assert found == {
        "lower": OF_NETWORK | lowering,
        "quantize": quantization,
        "inspect": inspection,
        "reference": {"openvino"} & inspection,
    }


@pytest.mark.slow
def test_recovering_pruning_and_training_load_only_what_they_use(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    network, images = folder / "network", folder / "images"
    pruning = PruneParameters(metric="macs", limit=0.8, importance="l2", scope="global", multiple=4)
    entries: dict[str, Callable[[Path], Any]] = {
        "edgecnn.quantization.recover:equalize": lambda out: EqualizeRequest(
            network, images, out, EqualizeParameters(Kernels("symmetric"))
        ),
        "edgecnn.pipeline.stages.prune:prune": lambda out: PruneRequest(
            network, network, images, None, out, pruning, strict=True
        ),
        "tests.support.loaded_packages:train": lambda out: TrainRequest(
            network, images, out, TrainParameters(TrainSettings(epochs=1, batch_size=4))
        ),
    }
    found = {}
    for name, argument in entries.items():
        out = tmp_path / name.rpartition(":")[2]
        out.mkdir()
        found[out.name] = loaded(tmp_path, name, argument(out))
    # torch_pruning itself imports timm, to count the operations of its attention layers.
    assert found == {
        "equalize": OF_NETWORK,
        "prune": OF_NETWORK | {"torch_pruning", "timm"},
        "train": OF_NETWORK,
    }


def test_an_imported_network_loads_only_torch_and_the_runtime_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    file, network, images = write_file(tmp_path / "net.onnx"), tmp_path / "network", tmp_path / "images"
    wanted = NetworkParameters(
        reference=str(file),
        arguments={},
        classes=None,
        contract={},
        pretrained=False,
        weights=None,
        content="",
        seed=0,
    )
    request = NetworkRequest(wanted, network)
    assert loaded(tmp_path, "edgecnn.pipeline.stages.network:build", request) == {"torch", "onnxruntime"}
    contract = read_spec(network).contract
    PreparedSet.write(
        images,
        np.zeros((2, contract.height, contract.width, contract.channels), np.uint8),
        np.full(2, -1),
        classes=(),
        names=tuple("ab"),
        contract=contract,
    )
    link = ImportedRequest(str(file), network, images)
    assert loaded(tmp_path, "edgecnn.pipeline.stages.imported:compare", link) == {"torch", "onnxruntime"}
