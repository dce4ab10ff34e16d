"""Stages ``network`` and ``contract``: the checkpoint of a name, and what of it outlives new weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.named_code import named_by_user
from edgecnn.models.checkpoint import load_checkpoint
from edgecnn.models.content import network_content
from edgecnn.ondevice.contract import Contract
from edgecnn.pipeline.stages.network import (
    CONTRACT,
    ContractParameters,
    NetworkParameters,
    NetworkRequest,
    build,
    run,
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


def parameters_of(reference: str, weights: Path | None = None) -> NetworkParameters:
    given = None if weights is None else str(weights)
    return NetworkParameters(
        reference=reference,
        arguments={},
        classes=None,
        contract=dict(SIDES),
        pretrained=False,
        weights=given,
        content=network_content(reference, {}, pretrained=False, weights=given),
        seed=0,
    )


def test_a_checkpoint_that_changes_after_the_plan_is_refused(tmp_path: Path) -> None:
    given, other = built(tmp_path / "given", 1), built(tmp_path / "other", 2)
    planned = parameters_of(str(given))
    (given / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match="given has changed since this run began"):
        run({}, planned, context(tmp_path / "after"))


@pytest.mark.slow
def test_a_file_of_weights_that_is_gone_or_changed_after_the_plan_is_refused(tmp_path: Path) -> None:
    given, other = built(tmp_path / "given", 1), built(tmp_path / "other", 2)
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes((other / "model.safetensors").read_bytes())
    planned = parameters_of(str(given), weights)
    weights.write_bytes((given / "model.safetensors").read_bytes())
    with pytest.raises(InputError, match="given has changed since this run began"):
        run({}, planned, context(tmp_path / "changed"))
    weights.unlink()
    with pytest.raises(InputError, match="given has changed since this run began"):
        run({}, planned, context(tmp_path / "gone"))


@pytest.mark.slow
def test_code_of_the_users_that_changes_after_the_plan_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import torch\n\ndef net() -> torch.nn.Module:\n    return torch.nn.Sequential(\n"
    layers = "torch.nn.Flatten(), torch.nn.Linear({side} * {side} * 3, 1000))\n"
    module = tmp_path / "late_change.py"
    module.write_text(text + layers.format(side=SIZE), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    monkeypatch.syspath_prepend(str(tmp_path))
    with named_by_user("python:late_change:net"):
        planned = parameters_of("python:late_change:net")
        module.write_text(module.read_text(encoding="utf-8") + "# another text\n", encoding="utf-8")
        with pytest.raises(InputError, match="python:late_change:net has changed since this run began"):
            run({}, planned, context(tmp_path / "stage"))
