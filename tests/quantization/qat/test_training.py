from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.quantization.qat.observe import estimate_ranges
from edgecnn.quantization.qat.prepare import prepare
from edgecnn.quantization.qat.training import train_network
from edgecnn.training.batches import to_input
from tests.quantization.qat.conftest import BASE, QAT, SIZE, silent

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from edgecnn.quantization.qat.training import Data, Trained
    from edgecnn.training.progress import TrainProgress
    from tests.quantization.qat.conftest import Network


class Interrupted(Exception):
    """Stands for a kill between two steps."""


def logits(network: nn.Module, images: PreparedSet) -> Tensor:
    with torch.no_grad():
        answer: Tensor = network(to_input(images.images[:], images.contract, torch.device("cpu")))
        return answer


def test_trained_network_still_knows_its_classes(
    trained: Network, quantized: Trained, evaluation: PreparedSet
) -> None:
    labels = torch.tensor(evaluation.labels)
    in_float = (logits(trained.module, evaluation).argmax(1) == labels).float().mean()
    in_int8 = (logits(quantized.network, evaluation).argmax(1) == labels).float().mean()
    assert in_float > 0.9, "the network did not learn enough to test with"
    assert in_int8 >= in_float - 0.05, f"{in_float:.3f} in float, {in_int8:.3f} after training for int8"
    assert quantized.result.last_metric == pytest.approx(float(in_int8)), "the loop measured another network"


def test_first_ranges_are_those_of_post_training_quantization(trained: Network, data: Data) -> None:
    network = prepare(trained.module, torch.zeros(1, 3, SIZE, SIZE), "symmetric")
    choice = estimate_ranges(network, data.calibration)
    assert set(choice.ranges) == set(network.fake_quantizes())
    (output,) = network.outputs()
    truth = logits(trained.module, data.calibration)
    assert choice.ranges[output].high == pytest.approx(truth.max().item(), rel=0.05)
    assert {0.0, 1.0} <= choice.held_out_sqnr_db.keys(), "from averages to extremes"
    assert min(choice.held_out_sqnr_db.values()) > 5.0, choice.held_out_sqnr_db


def test_ranges_rest_and_batch_norm_rests_at_the_end(quantized: Trained) -> None:
    network = quantized.network
    before = copy.deepcopy(network.state_dict())
    network.train()(torch.randn(8, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)))
    network.eval()
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} still moves"


def test_resume_gives_the_same_bits(trained: Network, quantized: Trained, data: Data, tmp_path: Path) -> None:
    def interrupt(progress: TrainProgress) -> None:
        if progress.epoch == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train_network(trained.module, data, QAT, BASE, quantized=True, scratch=tmp_path, progress=interrupt)
    seen: set[int] = set()
    resumed = train_network(
        trained.module,
        data,
        QAT,
        BASE,
        quantized=True,
        scratch=tmp_path,
        progress=lambda progress: seen.add(progress.epoch),
    )
    assert seen == {1}, "the finished epoch is not trained again"
    expected = quantized.network.state_dict()
    for name, value in resumed.network.state_dict().items():
        assert torch.equal(value, expected[name]), name
    losses = [[epoch.loss for epoch in run.result.history] for run in (resumed, quantized)]
    assert losses[0] == losses[1]


def test_control_has_the_same_steps_and_no_rounding(
    trained: Network, quantized: Trained, data: Data, tmp_path: Path
) -> None:
    control = train_network(
        trained.module, data, QAT, BASE, quantized=False, scratch=tmp_path, progress=silent
    )
    assert not control.network.fake_quantizes()
    assert control.first_ranges is None
    steps = [[(epoch.epoch, epoch.lr) for epoch in run.result.history] for run in (control, quantized)]
    assert steps[0] == steps[1], "the control has other learning rates or another number of epochs"
    norm = "features.0.1.running_mean"
    names = {norm}
    assert not torch.equal(
        control.network.parameters_and_buffers(names)[norm], trained.module.state_dict()[norm]
    )


def test_snapshot_of_the_control_does_not_resume_the_int8_training(
    trained: Network, data: Data, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    brief = QAT.model_copy(update={"epochs": 1, "distill": None})

    def run(*, quantized: bool) -> None:
        train_network(
            trained.module, data, brief, BASE, quantized=quantized, scratch=tmp_path, progress=silent
        )

    run(quantized=False)
    run(quantized=True)
    assert "it belongs to a training with other settings" in capsys.readouterr().err


def test_damaged_weights_are_named(module: nn.Module, data: Data, tmp_path: Path) -> None:
    with torch.no_grad():
        module.features[0][0].weight[0] = torch.nan  # type: ignore[index,union-attr]
    with pytest.raises(InputError, match=r"features\.0\.0\.weight holds values that are not finite"):
        train_network(module, data, QAT, BASE, quantized=True, scratch=tmp_path, progress=silent)


def test_calibration_set_without_images_is_refused(trained: Network, data: Data, tmp_path: Path) -> None:
    empty = PreparedSet.write(
        tmp_path / "empty",
        data.calibration.images[:0],
        data.calibration.labels[:0],
        classes=data.calibration.classes,
        names=(),
        contract=data.calibration.contract,
    )
    with pytest.raises(InputError, match="no calibration image"):
        train_network(
            trained.module,
            replace(data, calibration=empty),
            QAT,
            BASE,
            quantized=True,
            scratch=tmp_path / "scratch",
            progress=silent,
        )
