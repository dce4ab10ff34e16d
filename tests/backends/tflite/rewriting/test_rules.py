"""Every rule gives the values that the function gives, and applies only where it does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from edgecnn.backends.tflite.rewriting.rewrites import rewritten

REPLACED: dict[str, Callable[[Tensor], Tensor]] = {
    "mean of a map": lambda x: x.mean((2, 3)),
    "mean, negative dimensions": lambda x: torch.mean(x, dim=[-1, -2]),
    "mean of rows": lambda x: x.flatten(2).mean(-1),
    "mean of viewed rows": lambda x: x.view(x.size(0), x.size(1), -1).mean(dim=2),
    "largest value": lambda x: torch.amax(x, (2, 3)),
    "largest value, kept": lambda x: x.amax((2, 3), keepdim=True),
    "adaptive max pool to one": lambda x: functional.adaptive_max_pool2d(x, 1),
    "adaptive max pool": nn.AdaptiveMaxPool2d((3, None)),
    "leaky relu": lambda x: functional.leaky_relu(x, 0.2),
    "elu": lambda x: functional.elu(x, 0.7),
    "celu": lambda x: functional.celu(x, 1.3),
    "selu": torch.selu,
    "clamp": lambda x: x.clamp(-0.3, 0.4),
    "clamp to one": lambda x: torch.clamp(x, 0, 1),
    "clamp from below": lambda x: x.clamp(min=0.1),
    "clamp from above": lambda x: torch.clip(x, max=0.1),
    "hardtanh": lambda x: functional.hardtanh(x, -0.4, 0.7),
    "hardtanh of one to two": lambda x: functional.hardtanh(x, 1.0, 2.0),
    "l2 normalization": lambda x: functional.normalize(x.flatten(1)),
    "l2 normalization of channels": functional.normalize,
    "expanded factor": lambda x: x * x.mean((2, 3), keepdim=True).expand_as(x),
    "gate by view": lambda x: x * torch.sigmoid(x.mean((2, 3))).view(x.shape[0], -1, 1, 1),
    "gate by indices": lambda x: x * torch.sigmoid(x.mean((2, 3)))[:, :, None, None],
    "gate by unsqueeze": lambda x: x * x.mean((2, 3)).relu().unsqueeze(-1).unsqueeze(-1),
}

LEFT: dict[str, Callable[[Tensor], Tensor]] = {
    "mean over channels": lambda x: x.mean(1),
    "mean, kept": lambda x: x.mean((2, 3), keepdim=True),
    "largest over channels": lambda x: x.amax(1),
    "adaptive max pool that does not divide": lambda x: functional.adaptive_max_pool2d(x, 5),
    "steep leaky relu": lambda x: functional.leaky_relu(x, 1.5),
    "clamp between tensors": lambda x: torch.clamp(x, torch.tensor(-0.3), torch.tensor(0.4)),
    "bounds in the wrong order": lambda x: x.clamp(0.4, -0.3),
    "l1 normalization": lambda x: functional.normalize(x, p=1.0),
    "flat, then no layer": lambda x: x.flatten(1) * 2.0,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "a small bound and a large one": lambda x: x.clamp(1e-6, 16.0).log(),
    "hardtanh": functional.hardtanh,
}


class Of(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


def check(module: nn.Module, *, replaced: bool = True) -> None:
    module.eval()
    example = torch.zeros(1, 4, 6, 6)
    made = rewritten(module, example)
    assert (made is not module) is replaced
    for seed in range(3):
        images = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(seed))
        with torch.inference_mode():
            torch.testing.assert_close(made(images.clone()), module(images.clone()), atol=2e-6, rtol=2e-5)


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_replaced_gives_the_same(name: str) -> None:
    check(Of(REPLACED[name]))


@pytest.mark.parametrize("name", LEFT)
def test_what_no_rule_fits_is_left_alone(name: str) -> None:
    check(Of(LEFT[name]), replaced=False)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("padding", "output_padding"), [(1, 1), ((1, 2), (0, 1)), (0, 1)])
def test_transposed_convolutions(
    stride: int, padding: int | tuple[int, int], output_padding: int | tuple[int, int]
) -> None:
    if stride == 1:
        output_padding = 0
    layer = nn.ConvTranspose2d(4, 6, 3, stride, padding, output_padding, groups=2)
    check(layer, replaced=stride == 2 and padding != 0)


@pytest.mark.parametrize("inplace", [False, True])
def test_a_layer_behind_a_flattened_map(inplace: bool) -> None:
    layers = (nn.Flatten(), nn.Dropout(0.5, inplace), nn.ReLU(inplace), nn.Linear(144, 5))
    check(nn.Sequential(nn.MaxPool2d(1), *layers))


@pytest.mark.parametrize("inplace", [False, True])
def test_a_gate_of_two_layers(inplace: bool) -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(4, 2), nn.ReLU(inplace), nn.Linear(2, 4, bias=False), nn.Hardsigmoid(inplace)
            )

        def forward(self, x: Tensor) -> Tensor:
            gates: Tensor = self.layers(functional.adaptive_avg_pool2d(x, 1).flatten(1))
            return x * gates.reshape(x.shape[0], -1, 1, 1).expand_as(x)

    check(Gate())


def _written(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    flat[:, :30] = 0.0
    return flat @ torch.ones(144, 2)


def _written_map(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    x[:, :2] = 0.0
    return functional.linear(flat, torch.ones(2, 144).cumsum(1))


def _by_name(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    functional.relu(input=flat, inplace=True)
    return functional.linear(flat, torch.ones(2, 144).cumsum(1))


def _out(x: Tensor) -> Tensor:
    flat = x.flatten(1)
    torch.mul(x.flatten(1), 2.0, out=flat)
    return functional.linear(flat, torch.ones(2, 144).cumsum(1))


def _expansion_written(x: Tensor) -> Tensor:
    expanded = x.mean((2, 3), keepdim=True).expand_as(x).clone()
    expanded[:, :, 0] = 5.0
    return x * expanded


def _each_channel(x: Tensor) -> Tensor:
    return functional.linear(x.mean((2, 3)).unsqueeze(-1), torch.ones(3, 1)).flatten(1)


TRICKY: dict[str, Callable[[Tensor], Tensor]] = {
    "a flat map is written": _written,
    "a map is written after it was flattened": _written_map,
    "changed by an argument with a name": _by_name,
    "written by out": _out,
    "an expansion is written": _expansion_written,
    "a layer over one value of each channel": _each_channel,
    "channels in another order": lambda x: x * x.mean((2, 3))[:, [3, 1, 0, 2]][:, :, None, None],
    "places by number": lambda x: x[:, :, torch.arange(36) % 6, torch.zeros(36, dtype=torch.long)].mean(2),
    "bits of values": lambda x: x.mean((2, 3)).view(torch.int32).view(-1, 4, 1, 1).float() / 1e9,
    "whole numbers": lambda x: (x.mean((2, 3)) * 8).long().clamp(0, 7).float(),
    "far bounds": lambda x: x.clamp(-1e8, 1e8),
    "no bounds": lambda x: x.clamp(-torch.inf, torch.inf),
    "least norm of one": lambda x: functional.normalize(x, eps=1.0),
    "small vectors": lambda x: functional.normalize(x * 1e-6),
    "double": lambda x: x.double().clamp(0, 5).mean((2, 3)).float(),
}


@pytest.mark.parametrize("name", TRICKY)
def test_what_looks_alike_keeps_its_values(name: str) -> None:
    module = Of(TRICKY[name]).eval()
    made = rewritten(module, torch.zeros(1, 4, 6, 6))
    for seed in range(3):
        images = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(seed))
        with torch.inference_mode():
            torch.testing.assert_close(made(images.clone()), module(images.clone()), atol=2e-6, rtol=2e-5)
