from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from edgecnn.training.ema import AveragedWeights

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


def test_average_of_weights_and_statistics(build: Callable[..., nn.Module]) -> None:
    network = build()
    average = AveragedWeights(network, decay=0.75)
    start = network.state_dict()["0.1.running_mean"].clone()
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(1)
    average.update(network, updates=1000)
    state = average.module.state_dict()
    assert torch.allclose(state["0.1.running_mean"], start + 0.25)
    assert int(state["0.1.num_batches_tracked"]) == 1, "counters are copied, not averaged"


def test_first_updates_follow_closely(build: Callable[..., nn.Module]) -> None:
    network = build()
    average = AveragedWeights(network, decay=0.999)
    start = network.get_parameter("5.bias").detach().clone()
    with torch.no_grad():
        network.get_parameter("5.bias").add_(1)
    average.update(network, updates=0)
    assert torch.allclose(average.module.get_parameter("5.bias"), start + 0.9)


def test_average_of_a_still_network_is_the_network(build: Callable[..., nn.Module]) -> None:
    network = build()
    average = AveragedWeights(network, decay=0.9)
    for step in range(5):
        average.update(network, step)
    for name, value in network.state_dict().items():
        assert torch.equal(average.module.state_dict()[name], value), name
    assert not average.module.training
    assert not any(parameter.requires_grad for parameter in average.module.parameters())
