"""Sensitivity of the layers to quantization, and the choice of a few that stay in float.

Each layer is quantized alone, which shows its own effect on the outputs; and all layers but it are quantized,
which shows the gain of leaving it in float. The ranking uses the latter: errors of several layers may cancel
or add up, and the sum is what the shipped network has. Wu et al. 2020 (arXiv:2004.09602, section 6.1) call
the first form sensitivity analysis and choose by it alone.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from edgecnn.core.documents.quantization import LayerRanking, RankedLayer
from edgecnn.core.doing import say
from edgecnn.pruning.costs import NetworkCosts
from edgecnn.quantization.calibrated import Calibrated
from edgecnn.quantization.files import LAYERS_FILE
from edgecnn.quantization.quality import Quality, compare, measure
from edgecnn.quantization.requests import LayerSensitivityRequest  # noqa: TC001  the child reads the annotation
from edgecnn.training.allocator import freed_memory_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ENTRY_IMAGES = 16
_ENOUGH_DB = 1.0
"""Least gain of leaving more layers in float, in dB."""


@dataclass(frozen=True)
class Sensitivity:
    """Effect of quantizing one layer.

    Attributes:
        name: Name of the layer.
        alone: Quality with only this layer quantized.
        without: Quality with all other layers quantized.
    """

    name: str
    alone: Quality
    without: Quality


def rank_layers(network: Calibrated, progress: Callable[[int, int], None]) -> list[Sensitivity]:
    """Return all layers, beginning with the one whose return to float improves the outputs most."""
    every = operations_of(network)
    layers = [layer.name for layer in network.graph.layers if not layer.shared]
    found = []
    for number, name in enumerate(layers):
        say(f"measuring the sensitivity of layer {name}")
        found.append(Sensitivity(name, measure(network, {name}), measure(network, every - {name})))
        progress(number + 1, len(layers))
    return sorted(found, key=lambda item: item.without.sqnr_db, reverse=True)


def choose_layers(
    network: Calibrated,
    ranking: Sequence[Sensitivity],
    enough: Callable[[Quality], bool],
    most: int,
    float_macs: float = 1.0,
) -> tuple[list[str], Quality]:
    """Return the shortest prefix of a ranking that must stay in float, and the quality with it.

    Args:
        network: The network, with ranges.
        ranking: Result of :func:`rank_layers`.
        enough: Returns whether a quality is good enough.
        most: Largest number of layers in float, which is returned if even it is not enough.
        float_macs: Largest share of the multiply-accumulates that they may have; a layer that would exceed it
            is passed over.
    """
    every, macs = operations_of(network), macs_shares(network)
    kept: list[str] = []
    quality = measure(network)
    for item in ranking:
        if enough(quality) or len(kept) == most:
            break
        if sum(macs[name] for name in (*kept, item.name)) > float_macs:
            continue
        kept.append(item.name)
        say(f"measuring the network with {len(kept)} layers in float")
        quality = measure(network, every - set(kept))
    return kept, quality


def macs_shares(network: Calibrated) -> dict[str, float]:
    """Return the share of the network's multiply-accumulates that each layer has, by its name."""
    costs = NetworkCosts.of(network.module, network.images[:1])
    total = max(1, costs.total("macs"))
    layers = {layer.name: costs.layers.get(layer.name) for layer in network.graph.layers}
    return {name: 0.0 if cost is None else cost.macs(*cost.channels) / total for name, cost in layers.items()}


def leave_entry_in_float(network: Calibrated, most: int, float_macs: float = 1.0) -> list[str]:
    """Leave the first layers in float, as few as bring nearly the full gain; return their names.

    Args:
        network: The network, with ranges; its simulator executes these layers in float from now on.
        most: Largest number of layers in float.
        float_macs: Largest share of the multiply-accumulates that they may have.
    """
    simulator = network.simulator
    layers = [layer.name for layer in network.graph.layers if not layer.shared]
    shares = macs_shares(network)
    sums = itertools.accumulate(shares[name] for name in layers[:most])
    most = sum(total <= float_macs for total in sums)
    some = slice(None, None, -(-len(network.images) // _ENTRY_IMAGES))
    quality = []
    for count in range(most + 1):
        say(f"measuring the network with its first {count} layers in float")
        simulator.leave_in_float(layers[:count])
        outputs = simulator.run(network.images[some])
        found = compare(network.truth[some], outputs, network.labels[some], simulator.sizes)
        quality.append(found.sqnr_db)
    enough = max(quality) - _ENOUGH_DB
    count = next(count for count, sqnr in enumerate(quality) if sqnr >= enough)
    simulator.leave_in_float(layers[:count])
    return layers[:count]


def operations_of(network: Calibrated) -> frozenset[str]:
    """Return the names of all operations that are quantized."""
    return frozenset[str]().union(*network.simulator.points.operations.values())


def analyse(request: LayerSensitivityRequest, progress: Callable[[int, int], None]) -> None:
    """Rank the layers of a checkpoint and choose those that stay in float; write ``layers.json``.

    Args:
        request: The network, and the quality that is enough.
        progress: Called with (done, total).

    Raises:
        InputError: The network or the images cannot be used.
    """
    how = request.how

    def enough(quality: Quality) -> bool:
        # With several outputs the agreement is NaN and is not required.
        return quality.sqnr_db >= how.sqnr_db and not quality.agreement < how.agreement

    with torch.no_grad(), freed_memory_kept():
        network = Calibrated.open(request.checkpoint, request.calibration, how.kernels, how.images, how.seed)
        network.simulator.fit(network.images, network.observed)
        before = measure(network)
        ranking = rank_layers(network, progress)
        kept, after = choose_layers(network, ranking, enough, how.most, how.float_macs)
    found = LayerRanking(
        float_layers=kept,
        quality={"before": before.to_json(), "after": after.to_json()},
        enough=enough(after),
        ranking=[
            RankedLayer(name=item.name, alone=item.alone.to_json(), without=item.without.to_json())
            for item in ranking
        ],
    )
    (request.out / LAYERS_FILE).write_text(json.dumps(found.to_json(), indent=1) + "\n", encoding="utf-8")
