from __future__ import annotations

import torch
from torch import nn

from edgecnn.core.documents.source import Width
from edgecnn.models.widths import channels_of, differing_widths, narrow


def network(hidden: int = 8, head: int = 12) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, hidden, 3),
        nn.BatchNorm2d(hidden),
        nn.PReLU(hidden),
        nn.Conv2d(hidden, hidden, 3, groups=hidden),
        nn.Conv2d(hidden, head, 1, bias=False),
        nn.Flatten(),
        nn.Linear(4 * head, 5),
    )


def test_narrowing_gives_the_shapes_of_a_network_built_so() -> None:
    whole, small = network(), network(hidden=3, head=7)
    widths = differing_widths(small, network())
    assert widths["0"] == Width(outputs=3)
    assert widths["3"] == Width(inputs=3, outputs=3)
    assert widths["6"] == Width(inputs=28), "classes are no channels"
    narrow(whole, widths)
    whole.load_state_dict(small.state_dict())
    image = torch.randn(1, 3, 6, 6)
    assert torch.equal(whole.eval()(image), small.eval()(image))
    layers = [layer for layer in whole if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert [channels_of(layer) for layer in layers] == [(3, 3), (3, 3), (3, 7), (28, 5)]


def test_a_network_that_was_not_pruned_has_no_widths() -> None:
    assert differing_widths(network(), network()) == {}
