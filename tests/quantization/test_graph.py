"""Tracing: layers in order, with their batch norm, activation and neighbours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, fx, nn

from edgecnn.core.errors import InputError
from edgecnn.quantization.graph import trace
from tests.support.quantization_networks import graph_of, images, network


@pytest.mark.parametrize(
    ("reference", "layers", "kinds"),
    [
        ("zoo:mobilenetv2", 14, {"conv", "depthwise", "linear"}),
        ("zoo:mobilenetv3-small", 54, {"conv", "depthwise", "linear"}),
        ("zoo:mobilenetv4-conv-small", 47, {"conv", "depthwise", "linear"}),
        ("zoo:efficientnet-lite0", 50, {"conv", "depthwise", "linear"}),
        ("torchvision:shufflenet_v2_x0_5", 57, {"conv", "depthwise", "linear"}),
    ],
)
def test_every_layer_of_a_network_is_found_and_the_program_computes_the_same(
    reference: str, layers: int, kinds: set[str]
) -> None:
    module, _ = network(reference)
    graph = graph_of(reference)
    weighted = [name for name, child in module.named_modules() if isinstance(child, nn.Conv2d | nn.Linear)]
    assert sorted(layer.name for layer in graph.layers) == sorted(weighted)
    assert (len(graph.layers), {layer.kind for layer in graph.layers}) == (layers, kinds)
    assert graph.batch is None, "the program must take any batch size"
    state, batch = graph.state(module), images(3)
    arguments = [
        state.get(node.name, batch) for node in graph.program.graph.nodes if node.op == "placeholder"
    ]
    with torch.no_grad():
        (outputs,) = fx.Interpreter(graph.program).run(*arguments)
        assert torch.equal(outputs, module(batch))


def test_a_layer_knows_its_batch_norm_activation_and_neighbours() -> None:
    stem, depthwise, project = graph_of().layers[:3]
    assert (stem.name, stem.kind, stem.activation, stem.producers) == ("features.0.0", "conv", "relu6", ())
    assert stem.batch_norm is not None
    assert stem.batch_norm.scale == "features.0.1.weight"
    assert stem.consumers == (depthwise.name,)
    assert (depthwise.kind, depthwise.groups) == ("depthwise", 16)
    assert (project.activation, project.sum) == ("none", project.output)
    assert graph_of().layers[-1].kind == "linear"


def test_an_addition_joins_its_producers() -> None:
    graph = graph_of()
    assert graph["features.4.conv.0.0"].producers == ("features.2.conv.2", "features.3.conv.2")
    assert set(graph["features.2.conv.2"].consumers) == {"features.3.conv.0.0", "features.4.conv.0.0"}


def test_hard_swish_is_named_and_not_fused() -> None:
    stem = graph_of("zoo:mobilenetv3-small").layers[0]
    assert (stem.activation, stem.output) == ("hardswish", stem.sum)


class Shared(nn.Module):
    """One convolution executed twice, and one without anything special."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)
        self.once = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Use one convolution twice."""
        answer: Tensor = self.once(self.norm(self.twice(self.twice(x).relu_())))
        return answer


def test_a_layer_that_runs_twice_is_marked_and_not_folded() -> None:
    graph = trace(Shared(), images(1))
    first, second, once = graph.layers
    assert (first.name, second.name) == ("twice#0", "twice#1")
    assert first.shared
    assert second.shared
    assert second.batch_norm is None, "its weights have another user, which has no batch norm"
    assert (once.shared, once.activation) == (False, "none")


class InPlace(nn.Module):
    """Reads a tensor again after it was overwritten."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Add a tensor to its own ReLU, computed in place: twice the ReLU."""
        y = self.conv(x)
        answer: Tensor = y.relu_() + y
        return answer


def test_in_place_operations_become_functional_ones_that_compute_the_same() -> None:
    module = InPlace()
    graph = trace(module, images(1))
    names = {str(node.target) for node in graph.program.graph.nodes}
    assert not any(name.partition(".")[2].startswith("relu_") for name in names)
    batch, state = images(2), graph.state(module)
    arguments = [
        state.get(node.name, batch) for node in graph.program.graph.nodes if node.op == "placeholder"
    ]
    with torch.no_grad():
        assert torch.equal(fx.Interpreter(graph.program).run(*arguments)[0], module(batch))


class OneImage(nn.Module):
    """Takes a batch of one only."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Put the whole batch into one row."""
        answer: Tensor = self.conv(x).reshape(1, -1)[:, :10]
        return answer


def test_a_network_that_insists_on_a_batch_size_says_which() -> None:
    class Fixed(OneImage):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[0] != 1:
                raise ValueError("one image at a time")
            return super().forward(x)

    assert trace(Fixed(), images(1)).batch == 1


class Branching(nn.Module):
    """Decides in Python what to do with an image."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Compute one thing for bright images and another for dark ones."""
        return self.conv(x) if float(x.mean()) > 0 else x


def test_a_network_that_cannot_be_traced_says_why() -> None:
    with pytest.raises(InputError, match="Branching cannot be traced: ") as caught:
        trace(Branching(), images(1))
    assert "\n" not in caught.value.message


def test_weights_that_are_not_finite_are_named() -> None:
    module, _ = network()
    with torch.no_grad():
        module.get_parameter("features.1.conv.1.weight")[0] = float("nan")
    with pytest.raises(InputError, match=r"features\.1\.conv\.1\.weight holds values that are not finite"):
        trace(module, images(1))


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(InputError, match="neither a convolution nor a fully connected layer"):
        trace(nn.ReLU(), images(1))


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(InputError, match=r"no layer 'features\.99'"):
        graph_of()["features.99"]
