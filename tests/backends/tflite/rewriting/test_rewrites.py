"""A network whose calls are replaced keeps what it does in place, and its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.backends.tflite.rewriting.rewrites import Rewritten, rewritten

IMAGES = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(3))


class ReadsWhatChanged(nn.Module):
    """Reads a tensor again after an activation has changed it in place."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.layer, self.activation = nn.Conv2d(4, 4, 1), activation

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        values: Tensor = self.layer(x)
        return self.activation(values).mean((2, 3)), values + 1.0


def test_what_is_changed_in_place_is_changed_by_a_rule_too() -> None:
    for activation in (nn.LeakyReLU(0.1, inplace=True), nn.ELU(inplace=True), nn.SELU(inplace=True)):
        module = ReadsWhatChanged(activation).eval()
        made = rewritten(module, IMAGES[:1])
        assert isinstance(made, Rewritten)
        with torch.inference_mode():
            for want, have in zip(module(IMAGES), made(IMAGES), strict=True):
                torch.testing.assert_close(have, want, atol=2e-6, rtol=2e-5)


class ChangesBetween(nn.Module):
    """Changes a map in place after it was flattened, so that the flattened one changes as well."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Conv2d(4, 4, 1), nn.Linear(144, 3)

    def forward(self, x: Tensor) -> Tensor:
        values: Tensor = self.layer(x)
        flat = values.flatten(1)
        functional.relu(values, inplace=True)
        outputs: Tensor = self.head(flat)
        return outputs + values.mean((2, 3))[:, :3]


def test_a_change_in_place_is_seen_by_what_was_known_before() -> None:
    module = ChangesBetween().eval()
    made = rewritten(module, IMAGES[:1])
    assert made is not module
    with torch.inference_mode():
        torch.testing.assert_close(made(IMAGES), module(IMAGES), atol=2e-6, rtol=2e-5)


def test_parameters_are_the_network_s_own() -> None:
    module = nn.Sequential(nn.Conv2d(4, 4, 1), nn.LeakyReLU())
    made = rewritten(module.eval(), IMAGES[:1])
    assert [id(weight) for weight in made.parameters()] == [id(weight) for weight in module.parameters()]
    assert not made.training


class Counting(nn.Module):
    """Answers otherwise at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.mean((2, 3)) * float(self.calls)


def test_a_network_whose_answers_differ_is_left_alone() -> None:
    module = Counting().eval()
    assert rewritten(module, IMAGES[:1]) is module
