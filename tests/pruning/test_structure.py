from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from edgecnn.core.errors import InputError
from edgecnn.models.build import build
from edgecnn.models.resolve import resolve_model
from edgecnn.models.widths import differing_widths
from edgecnn.models.zoo import ZOO
from edgecnn.pruning.costs import NetworkCosts
from edgecnn.pruning.prune import widths_of
from edgecnn.pruning.structure import Structure, output_layers
from tests.support.mobilenetv2 import NARROW, mobilenetv2

if TYPE_CHECKING:
    pass

# A smaller network of the same blocks, where the family has one.
ARGUMENTS = {
    "mobilenetv2": {"width": 0.5},
    "mobilenetv3-small": {"width": 0.5},
    "mobilenetv3-large": {"width": 0.35},
    "mobilenetv4-conv-small": {"width": 0.35},
    "efficientnet-lite0": {"width": 0.25},
    "yolo-nano": {"width": 0.25},
    "yolo-small": {"width": 0.25},
}
FAST = ("mobilenetv2", "mobilenetv3-small", "mobilenetv4-conv-small", "efficientnet-lite0", "yolo-nano")
NETWORKS = [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in ZOO]


def halved(structure: Structure) -> dict[str, list[int]]:
    """Every second channel of every group."""
    return {group.name: list(range(0, group.channels, 2)) for group in structure.groups}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_the_zoo_is_pruned_and_rebuilt_from_its_spec(name: str) -> None:
    torch.manual_seed(0)
    size = 320 if name.startswith("ssdlite") else 64
    module, spec = resolve_model(
        f"zoo:{name}",
        arguments=ARGUMENTS.get(name, {}),
        classes=None if name.startswith("ssdlite") else tuple("abcde"),
        contract_overrides={"height": size, "width": size},
    )
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.bias, 0.0, 0.3)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    image = torch.randn(1, 3, size, size)
    before = shapes(module(image))
    structure = Structure(module, image, name)
    removed = halved(structure)
    small = structure.without(removed)

    assert shapes(small(image)) == before, "heads and outputs keep their channels"
    costs = NetworkCosts.of(module, image)
    kept = {group.name: group.channels - len(removed[group.name]) for group in structure.groups}
    widths = widths_of(structure, costs, kept)
    measured = NetworkCosts.of(small, image)
    for metric in ("macs", "params"):
        assert costs.total(metric, widths) == measured.total(metric), f"{metric} are foreseen exactly"
    assert measured.total("params") == sum(parameter.numel() for parameter in small.parameters())
    assert measured.total("macs") < 0.4 * costs.total("macs")

    rebuilt = build(spec.model_copy(update={"widths": differing_widths(small, build(spec))}))
    rebuilt.load_state_dict(small.state_dict())
    for one, other in zip(tensors(small(image)), tensors(rebuilt(image)), strict=True):
        assert torch.equal(one, other)


def test_masked_channels_count_for_nothing_and_come_back() -> None:
    module, _ = mobilenetv2(None, NARROW)
    image = torch.randn(1, 3, 32, 32)
    state = copy.deepcopy(module.state_dict())
    before = module(image)
    structure = Structure(module, image, "net")
    removed = halved(structure)
    with structure.masked(removed) as masked:
        torch.testing.assert_close(masked(image), structure.without(removed)(image), atol=1e-4, rtol=1e-4)
        assert not torch.allclose(masked(image), before)
    assert torch.equal(module(image), before)
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


class Block(nn.Module):
    """A convolution, an operation, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 2, 1)

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.between(torch.relu(self.first(x)))).mean((2, 3))
        return answer


class Reverse(Block):
    """Channels are read in another order: shapes say nothing of it."""

    def between(self, x: Tensor) -> Tensor:
        return x.flip(1)


class Scaled(Block):
    """A constant for every channel, which no layer holds."""

    def between(self, x: Tensor) -> Tensor:
        return x * torch.linspace(1.0, 2.0, 8).reshape(1, 8, 1, 1)


def test_an_operation_that_reorders_channels_is_named() -> None:
    structure = Structure(Reverse().eval(), torch.randn(1, 3, 8, 8), "net")
    with pytest.raises(
        InputError, match=r"net cannot be pruned: .* the channels of first, which pass .*flip"
    ):
        structure.without({"first": [0, 1]})


def test_an_operation_that_expects_its_channels_is_named() -> None:
    structure = Structure(Scaled().eval(), torch.randn(1, 3, 8, 8), "net")
    with pytest.raises(InputError, match=r"net cannot be pruned: mul does not work with fewer channels$"):
        structure.without({"first": [0, 1]})


class Gate(nn.Module):
    """The spatial attention of CBAM (Woo et al. 2018, arXiv:1807.06521): mean and maximum over channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        both = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True).values], 1)
        return torch.sigmoid(self.conv(both)) * x


class Attentive(Block):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    def between(self, x: Tensor) -> Tensor:
        gated: Tensor = self.gate(x)
        return gated


class Shuffling(Block):
    def between(self, x: Tensor) -> Tensor:
        return x.reshape(1, 2, 4, *x.shape[2:]).transpose(1, 2).reshape(1, 8, *x.shape[2:])


class Broken(Block):
    def between(self, x: Tensor) -> Tensor:
        return x / 0


class Named(Block):
    def forward(self, x: Tensor) -> Tensor:
        return {"out": super().forward(x)}  # type: ignore[return-value]


TORCH_SAYS = re.compile(
    r"Backward|_ElementWise|expected|dimension \d|size mismatch|must match|attribute '|mat1"
)


def plain(error: InputError) -> None:
    """Require one line of our own words, and a hint."""
    assert "\n" not in error.message
    assert not TORCH_SAYS.search(error.message)
    assert error.hint


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (Attentive, "conv2d in the layer gate.conv does not work with fewer channels"),
        (Scaled, "mul does not work"),
        (Reverse, "does not compute the same"),
        (Shuffling, "the layer first|first|reshape"),
        (Broken, "not finite numbers"),
        (Named, "dict of outputs"),
    ],
)
def test_what_cannot_be_pruned_is_said_in_plain_words(kind: type[Block], message: str) -> None:
    torch.manual_seed(0)
    with pytest.raises(InputError, match=f"net cannot be pruned: .*({message})") as caught:
        halve(kind().eval())
    plain(caught.value)


def halve(module: nn.Module) -> None:
    structure = Structure(module, torch.randn(1, 3, 8, 8), "net")
    structure.without({group.name: list(range(group.channels // 2)) for group in structure.groups})


def test_a_network_of_heads_only_has_nothing_to_prune() -> None:
    with pytest.raises(InputError, match="net has no channels that can be removed"):
        Structure(nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()).eval(), torch.randn(1, 3, 8, 8), "net")


def test_a_network_that_cannot_run_is_refused() -> None:
    with pytest.raises(InputError, match="its channels cannot be followed") as caught:
        Structure(nn.Linear(3, 4).eval(), torch.randn(1, 3, 8, 8), "net")
    plain(caught.value)


def test_outputs_are_found_behind_sums_and_activations() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1), nn.Conv2d(4, 2, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            x = self.stem(x)
            return torch.sigmoid(self.a(x) + self.b(x)), x

    module = Sum().eval()
    assert output_layers(module, torch.randn(1, 3, 4, 4)) == {module.stem, module.a, module.b}


def shapes(answer: Tensor | tuple[Tensor, ...]) -> list[torch.Size]:
    return [output.shape for output in tensors(answer)]


def tensors(answer: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return [answer] if isinstance(answer, Tensor) else list(answer)
