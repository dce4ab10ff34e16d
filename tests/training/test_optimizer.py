from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
import torch

from edgecnn.core.config.training import OptimizerSettings
from edgecnn.training.optimizer import build_optimizer, learning_rate, set_learning_rate

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


@pytest.mark.parametrize(("name", "kind"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_only_weights_decay(
    build: Callable[..., nn.Module], name: Literal["adamw", "sgd"], kind: type
) -> None:
    network = build()
    optimizer = build_optimizer(network, OptimizerSettings(name=name, weight_decay=0.3))
    assert isinstance(optimizer, kind)
    decays = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    for parameter_name, parameter in network.named_parameters():
        expected = 0.3 if parameter.ndim > 1 else 0.0
        assert decays[id(parameter)] == expected, parameter_name


def test_sgd_without_momentum(build: Callable[..., nn.Module]) -> None:
    optimizer = build_optimizer(build(), OptimizerSettings(name="sgd", momentum=0.0))
    assert not optimizer.defaults["nesterov"]


def test_schedule_rises_then_falls_to_its_end() -> None:
    rates = [learning_rate(step, steps=100, warmup=20, peak=2.0, final=0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[19] == 2.0
    assert rates[:20] == sorted(rates[:20])
    assert rates[19:] == sorted(rates[19:], reverse=True)
    assert rates[-1] == pytest.approx(0.2)


def test_schedule_without_warmup_starts_near_the_peak() -> None:
    assert learning_rate(0, steps=1000, warmup=0, peak=1.0, final=0.0) == pytest.approx(1.0, abs=1e-5)


def test_set_learning_rate(build: Callable[..., nn.Module]) -> None:
    optimizer = build_optimizer(build(), OptimizerSettings())
    set_learning_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.5}
