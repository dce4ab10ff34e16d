"""Folding batch norms in place: the same network, exact identities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from edgecnn.core.errors import InputError
from edgecnn.quantization.fold import fold_batch_norm, read_bias, tensors, unit_variance, write_bias
from edgecnn.quantization.graph import trace
from tests.support.quantization_networks import graph_of, images, network


@pytest.mark.parametrize(
    "reference", ["zoo:mobilenetv2", "zoo:mobilenetv4-conv-small", "zoo:efficientnet-lite0"]
)
def test_folding_changes_nothing_but_where_numbers_are(reference: str) -> None:
    module, _ = network(reference)
    batch = images(3)
    with torch.no_grad():
        before = module(batch)
        folded = fold_batch_norm(module, graph_of(reference))
        after = module(batch)
        fold_batch_norm(module, graph_of(reference))
        again = module(batch)
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(folded) == len(norms) > 0
    assert float((after - before).abs().max()) <= 1e-5 * float(before.abs().max())
    assert torch.equal(after, again), "folding twice must be folding once"


def test_a_folded_batch_norm_adds_its_bias_and_is_otherwise_an_exact_identity() -> None:
    module, _ = network("zoo:efficientnet-lite0")
    fold_batch_norm(module, graph_of("zoo:efficientnet-lite0"))
    for norm in (layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)):
        values = torch.randn(2, norm.num_features, 5, 5) * 7
        assert norm.eps == 1e-3
        # timm's batch norms hold the activation that follows them.
        activation = getattr(norm, "act", nn.Identity())
        assert torch.equal(norm(values), activation(values + norm.bias[:, None, None]))


@pytest.mark.parametrize("eps", [0.0, 1e-8, 1e-5, 1e-3, 2e-5, 0.01, 0.1, 0.5])
def test_variance_and_eps_add_up_to_one(eps: float) -> None:
    assert np.float32(unit_variance(eps)) + np.float32(eps) == np.float32(1)


def test_a_convolution_with_a_bias_and_a_plain_batch_norm_fold_too() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, affine=False), nn.Flatten(), nn.Linear(3600, 2)
    )
    for _ in range(5):
        module.train()(images(8))
    batch = images(2)
    graph = trace(module, images(1))
    with torch.no_grad():
        before = module(batch)
        assert fold_batch_norm(module, graph) == ("0",)
        assert torch.allclose(module(batch), before, atol=1e-5)
        assert not module.get_parameter("0.bias").any()
        bias = read_bias(tensors(module), graph["0"])
        assert bias is not None
        write_bias(tensors(module), graph["0"], bias + 1)
        written = read_bias(tensors(module), graph["0"])
        assert written is not None
        assert torch.allclose(written, bias + 1)


def test_a_layer_without_batch_norm_keeps_its_bias() -> None:
    module, _ = network()
    layer = graph_of().layers[-1]
    fold_batch_norm(module, graph_of())
    bias = read_bias(tensors(module), layer)
    assert bias is not None
    assert torch.equal(bias, module.get_parameter("classifier.1.bias"))
    bare = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False))
    alone = trace(bare, images(1)).layers[0]
    assert read_bias(tensors(bare), alone) is None
    with pytest.raises(InputError, match="layer 0 cannot have a bias"):
        write_bias(tensors(bare), alone, torch.zeros(4))


def test_a_batch_norm_that_divides_by_zero_is_named() -> None:
    module, _ = network()
    module.get_buffer("features.1.conv.0.1.running_var")[2] = -1.0
    with pytest.raises(
        InputError, match=r"batch norm of layer features\.1\.conv\.0\.0 has a variance of zero"
    ):
        fold_batch_norm(module, graph_of())
