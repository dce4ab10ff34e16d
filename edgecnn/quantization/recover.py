"""Accuracy recovery in a child process: each stage reads a checkpoint and writes an improved one.

The network keeps its structure and computes nearly the same; only its numbers change, so that quantizers lose
less. Beside the checkpoint are the files of :mod:`edgecnn.quantization.files`: notes and, if weights were
rounded, their grid.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from edgecnn.core.documents.quantization import CalibrationNotes, FloatLayers, RecoveryNotes
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.weights import write_safetensors
from edgecnn.quantization import bias_correction
from edgecnn.quantization.adaround import AdaRound
from edgecnn.quantization.calibrated import Calibrated
from edgecnn.quantization.equalize import equalize as equalize_channels
from edgecnn.quantization.files import GRID_FILE, LAYERS_FILE, NOTES_FILE
from edgecnn.quantization.fold import tensors
from edgecnn.quantization.layer_by_layer import walk
from edgecnn.quantization.quality import measure
from edgecnn.quantization.requests import EqualizeRequest, RoundRequest  # noqa: TC001  the child reads the annotation
from edgecnn.quantization.sensitivity import leave_entry_in_float
from edgecnn.training.allocator import freed_memory_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor

    from edgecnn.quantization.extents import Extent
    from edgecnn.quantization.graph import Graph


def equalize(request: EqualizeRequest, progress: Callable[[int, int], None]) -> None:
    """Fold batch norms, equalize channels if that helps, correct biases; write a checkpoint.

    If layers at the network's entry may stay in float, their number is found by trials, and ``layers.json``
    names them: their errors pass through all other layers, and they have few weights.

    Args:
        request: The network and its settings.
        progress: Called with (done, total).

    Raises:
        InputError: The network or the images cannot be used.
    """
    how, out = request.how, request.out
    with torch.no_grad(), freed_memory_kept():
        network = Calibrated.open(request.checkpoint, request.calibration, how.kernels, how.images, how.seed)
        notes = _prepare(network, "equalization and bias correction", progress, parts=3)
        if how.entry:
            layers = leave_entry_in_float(network, how.entry, how.float_macs)
            document = json.dumps(FloatLayers(float_layers=layers).to_json())
            (out / LAYERS_FILE).write_text(document + "\n", encoding="utf-8")
        added = bias_correction.correct_fully(network.simulator, network.images)
        bias_correction.apply(network.module, network.graph, added)
        network.simulator.state = network.graph.state(network.module)
        shifts = {name: {"bias": _magnitude(shift)} for name, shift in added.items()}
        _write(network, out, notes, "with bias correction", shifts)
        progress(3, 3)


def round_weights(request: RoundRequest, progress: Callable[[int, int], None]) -> None:
    """Equalize like :func:`equalize`, and round each weight up or down with AdaRound.

    The network is the input of :func:`equalize`, not its result: rounding needs the outputs of the float
    network, which a corrected network no longer computes.

    Args:
        request: The network and its settings; the grid is written to its directory, too.
        progress: Called with (done, total).

    Raises:
        InputError: The network or the images cannot be used.
    """
    how, out = request.how, request.out
    with torch.no_grad(), freed_memory_kept():
        network = Calibrated.open(request.checkpoint, request.calibration, how.kernels, how.images, how.seed)
        simulator, total = network.simulator, len(network.graph.layers) + 3
        method = "equalization, adaptive rounding and bias correction"
        notes = _prepare(network, method, progress, parts=total)
        rounding = AdaRound(
            simulator,
            iterations=how.iterations,
            seed=how.seed,
            progress=lambda done: progress(done + 2, total),
        )
        added = walk(simulator, network.images, rounding)
        bias_correction.apply(network.module, network.graph, added)
        state = tensors(network.module)
        grid: dict[str, Tensor] = {}
        for name, scale in rounding.scales.items():
            key = network.graph[name].weight
            state[key].copy_(simulator.weights[simulator.placeholder(key)])
            grid |= {f"{name}.weight": state[key], f"{name}.scale": scale}
        simulator.state = network.graph.state(network.module)
        layers = {
            name: asdict(rounded) | {"bias": _magnitude(added.get(name, torch.zeros(1)))}
            for name, rounded in rounding.results.items()
        }
        _write(network, out, notes, "with rounding and bias correction", layers)
        write_safetensors(grid, out / GRID_FILE)
        progress(total, total)


def _prepare(
    network: Calibrated, method: str, progress: Callable[[int, int], None], *, parts: int
) -> RecoveryNotes:
    """Choose ranges and equalize channels if the simulated network improves; return notes."""
    simulator, module = network.simulator, network.module
    choice = simulator.fit(network.images, network.observed)
    plain = measure(network)
    progress(1, parts)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    divisors = equalize_channels(module, network.graph, network.observed.extents)
    simulator.load(module)
    observed = simulator.observe(network.images)
    equal_choice = simulator.fit(network.images, observed)
    equal = measure(network)
    helped = equal.sqnr_db > plain.sqnr_db
    if not helped:
        module.load_state_dict(before)
        simulator.load(module)
        simulator.use(choice.ranges)
    extents = (observed if helped else network.observed).extents
    progress(2, parts)
    return RecoveryNotes(
        method=method,
        scheme=simulator.kernels.weights,
        calibration=CalibrationNotes(images=len(network.images), digest=network.digest),
        folded=tuple(network.folded),
        gates=tuple(network.gates),
        equalized=tuple(divisors) if helped else (),
        ranges=(equal_choice if helped else choice).notes(),
        constant_channels=_constant_channels(network.graph, extents),
        simulated={"plain": plain.to_json(), "equalized": equal.to_json()},
    )


def _constant_channels(graph: Graph, extents: Mapping[str, Extent]) -> dict[str, int]:
    """Count each layer's output channels that hold one value on all images, for layers that have any."""
    counts = {
        layer.name: int((extents[layer.output].low == extents[layer.output].high).sum())
        for layer in graph.layers
        if layer.output in extents
    }
    return {name: count for name, count in counts.items() if count}


def _magnitude(shift: Tensor) -> float:
    """Return the root mean square of a correction."""
    return float(shift.square().mean().sqrt())


def _write(
    network: Calibrated, out: Path, notes: RecoveryNotes, what: str, layers: dict[str, dict[str, float]]
) -> None:
    """Write the checkpoint and the notes, with the current quality of the network."""
    save_checkpoint(out, network.module, network.spec)
    simulated = notes.simulated | {what: measure(network).to_json()}
    notes = notes.model_copy(update={"simulated": simulated, "layers": layers})
    document = json.dumps(notes.to_json(), sort_keys=True, indent=1)
    (out / NOTES_FILE).write_text(document + "\n", encoding="utf-8")
