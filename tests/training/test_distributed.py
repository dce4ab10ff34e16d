"""Two real processes under torchrun, talking over gloo."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from edgecnn.core.config.training import OptimizerSettings, TrainSettings, TransferSettings
from edgecnn.data.prepared import PreparedSet
from edgecnn.training.loop import SNAPSHOT
from tests.support.training import train_classifier as train

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

PROJECT = Path(__file__).parents[2]

SCRIPT = """
import json, os, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from edgecnn.core.config.training import OptimizerSettings, TrainSettings, TransferSettings
from edgecnn.data.prepared import PreparedSet
from tests.support.training import small_network, train_classifier

folder, rank = Path(sys.argv[1]), os.environ["RANK"]
network = small_network(dropout=0.0)
if rank == "1":  # ranks start apart; rank 0 decides
    torch.nn.init.zeros_(network[5].weight)
reports = []
result = train_classifier(
    network,
    PreparedSet.open(folder / "train"),
    PreparedSet.open(folder / "eval"),
    TrainSettings.model_validate_json(sys.argv[2]),
    scratch=folder / "scratch",
    progress=reports.append,
)
save_file(network.state_dict(), folder / f"rank{rank}.safetensors")
(folder / f"rank{rank}.json").write_text(json.dumps({**result.to_json(), "reports": len(reports)}))
"""


def run_two(folder: Path, settings: TrainSettings) -> None:
    script = folder / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(script), str(folder), settings.model_dump_json()],
        env={**os.environ, "PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_two_processes_end_with_the_same_weights(
    make_set: Callable[..., PreparedSet], build: Callable[..., nn.Module], tmp_path: Path
) -> None:
    import json

    make_set("train", 97)
    make_set("eval", 31)
    settings = TrainSettings(
        epochs=2,
        batch_size=16,
        ema=0.8,
        optimizer=OptimizerSettings(lr=0.02),
        transfer=TransferSettings(frozen=("0",), unfreeze={1: ("0",)}),
    )
    run_two(tmp_path, settings)
    first, second = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    for name, value in first.items():
        assert torch.equal(value, second[name]), f"{name} differs between the processes"
    results = [json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in (0, 1)]
    for left, right in zip(results[0]["history"], results[1]["history"], strict=True):
        assert (left["loss"], left["metric"]) == (right["loss"], right["metric"])
    assert results[0]["reports"] > 0
    assert results[1]["reports"] == 0, "only the first process reports"
    assert (tmp_path / "scratch" / SNAPSHOT).exists()

    network = build(dropout=0.0)
    alone = train(
        network,
        PreparedSet.open(tmp_path / "train"),
        PreparedSet.open(tmp_path / "eval"),
        settings,
        scratch=tmp_path / "alone",
        progress=lambda _: None,
    )
    # The same images in every step; only the batch statistics are of half a batch each.
    assert abs(alone.history[-1].loss - results[0]["history"][-1]["loss"]) < 0.1
