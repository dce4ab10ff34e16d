"""Stages ``network`` and ``contract``: the checkpoint of a name, and what of it outlives new weights."""

from __future__ import annotations

import json
from pathlib import Path

from edgecnn.models.checkpoint import load_checkpoint
from edgecnn.ondevice.contract import Contract
from edgecnn.pipeline.stages.network import (
    CONTRACT,
    ContractParameters,
    NetworkParameters,
    NetworkRequest,
    build,
)
from edgecnn.pipeline.stages.prepare import read_contract
from tests.support.mobilenetv2 import FOUR_BLOCKS, REFERENCE, SIDES, SIZE
from tests.support.stages import context


def built(folder: Path, seed: int) -> Path:
    network = NetworkParameters(
        reference=REFERENCE,
        arguments=dict(FOUR_BLOCKS),
        classes=["cat", "dog"],
        contract=dict(SIDES),
        pretrained=False,
        weights=None,
        content="",
        seed=seed,
    )
    folder.mkdir()
    build(NetworkRequest(network, folder))
    return folder


def test_the_seed_gives_the_weights(tmp_path: Path) -> None:
    first, again, other = (built(tmp_path / name, seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    weights = [(folder / "model.safetensors").read_bytes() for folder in (first, again, other)]
    assert weights[0] == weights[1]
    assert weights[0] != weights[2]
    assert load_checkpoint(first)[1].classes == ("cat", "dog")


def test_the_contract_does_not_change_with_the_weights(tmp_path: Path) -> None:
    written = []
    for name, seed in (("a", 1), ("b", 2)):
        places = context(tmp_path / f"stage {name}")
        checkpoint = built(tmp_path / name, seed)
        CONTRACT.run({"checkpoint": checkpoint}, ContractParameters(), places)
        written.append({file.name: file.read_bytes() for file in places.out.iterdir()})
        contract: Contract = read_contract(places.out)
        assert (contract.height, contract.width) == (SIZE, SIZE)
    assert written[0] == written[1]
    assert sorted(written[0]) == ["contract.json", "task.json"]
    assert json.loads(written[0]["task.json"])["kind"] == "classification"
