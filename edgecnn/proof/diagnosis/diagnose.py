"""Diagnosis of an int8 file in a child process, which alone loads vendor libraries; JSON in, JSON out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.format import QuantizeRequest
from edgecnn.backends.formats import load_format, missing
from edgecnn.backends.recovered import Recovered
from edgecnn.core.documents.diagnosis import Diagnosis, LayerDiagnosis, WeightFacts, WholeDiagnosis
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.proof.diagnosis.accumulators import Votes
from edgecnn.proof.diagnosis.causes import suspect
from edgecnn.proof.diagnosis.layer_experiment import walk
from edgecnn.proof.diagnosis.layer_statistics import channel_facts, range_facts, weight_facts
from edgecnn.proof.diagnosis.ranking import ranked
from edgecnn.proof.diagnosis.subject import DiagnosisRequest  # noqa: TC001  the child reads the annotation
from edgecnn.proof.links.output_distance import SCORES, health
from edgecnn.quantization.layers import match_layers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.backends.dissection import Dissection, Piece
    from edgecnn.proof.diagnosis.layer_experiment import Walked

_STRANGER_DB = 6.0
"""SQNR below which most layers must belong to another network; weights in 8 bits keep 30 dB or more."""


def diagnose_files(request: DiagnosisRequest, progress: Callable[[int, int], None]) -> Diagnosis:
    """Diagnose the int8 file of a request.

    Args:
        request: The files, and the way to execute them.
        progress: Called after every layer.

    Raises:
        InputError: The files cannot be read, do not belong together, or do not accept the images.
        MissingDependency: A package of the format is not installed.
    """
    prepared = PreparedSet.open(request.images)
    try:
        dissection = load_format(request.format).dissect(request.model, request.float_model)
    except ImportError as error:
        raise missing(request.format, error) from error
    tensors = Calibration(prepared, dissection.layout)
    _check_size(dissection, tensors)
    labels = [int(label) for label in prepared.labels]
    walked = walk(
        dissection,
        [tensors[index] for index in range(len(tensors))],
        labels,
        shipping=request.shipping,
        progress=progress,
    )
    classifies = len(dissection.float_outputs) == 1 and walked.outputs[0].ndim == SCORES
    labelled = classifies and all(label >= 0 for label in labels)
    pairs = list(zip(walked.pieces, walked.tallies, strict=True))
    modules = {} if request.network is None else _modules(dissection, walked.pieces, request.network)
    layers = [
        _layer(dissection, walked, place, modules.get(piece.name), classifies=classifies, labelled=labelled)
        for place, piece in enumerate(walked.pieces)
    ]
    _check_related(layers, request.float_model)
    noise = [0.0 if tally.problem else tally.votes.noise.noise for _, tally in pairs]
    found = [
        _with_suspicion(layer, request.host_isa, saturates=request.saturates)
        for layer in ranked(layers, noise)
    ]
    return Diagnosis(
        model=str(request.model),
        float_model=str(request.float_model),
        format=request.format,
        target=request.target,
        images=len(prepared),
        whole=_whole(walked, classifies=classifies, labelled=labelled),
        layers=tuple(found),
        kernels=f"{request.runtime}, {request.shipping}, {request.host_isa}",
    )


def _modules(dissection: Dissection, pieces: list[Piece], network: Path) -> dict[str, str]:
    """Return the network's names for the float file's layers, found by their weights."""
    found = {piece.name: dissection.float_weights(piece.name) for piece in pieces if piece.float_nodes}
    known = Recovered.of(QuantizeRequest("int8", None, "any", network=network)).weights
    return match_layers({name: weights for name, weights in found.items() if weights is not None}, known)


def _check_size(dissection: Dissection, tensors: Calibration) -> None:
    size = tensors[0].size
    if dissection.points[0].size != size:
        raise InputError(
            f"the network takes images of {dissection.points[0].size} values, the contract makes {size}",
            hint="the contract and the model file must be for the same input size",
        )


def _check_related(layers: list[LayerDiagnosis], float_model: Path) -> None:
    """Refuse a float file that is unrelated to the int8 file.

    Raises:
        InputError: No layer could be measured, or most weights differ from the float file's.
    """
    problems = [layer.problem for layer in layers if layer.problem is not None]
    compared = [layer.weights for layer in layers if layer.weights is not None]
    strangers = [weights for weights in compared if weights.sqnr_db < _STRANGER_DB]
    hint = "give the file that the int8 file was quantized from with --float"
    if len(problems) == len(layers):
        raise InputError(f"no layer can be compared with {float_model}: {problems[0]}", hint=hint)
    if len(strangers) > len(compared) / 2:
        raise InputError(
            f"{float_model} is the float file of another network: {len(strangers)} of {len(compared)} layers "
            "have other weights",
            hint=hint,
        )


def _layer(
    dissection: Dissection,
    walked: Walked,
    place: int,
    module: str | None,
    *,
    classifies: bool,
    labelled: bool,
) -> LayerDiagnosis:
    piece, tally = walked.pieces[place], walked.tallies[place]
    votes = tally.votes if tally.problem is None else Votes()
    right = walked.truth.right
    return LayerDiagnosis(
        name=piece.name,
        module=module,
        operation=piece.operation,
        position=place,
        accumulated_sqnr_db=tally.accumulated.db,
        alone_sqnr_db=tally.alone.db,
        shipping_sqnr_db=tally.shipping.db,
        kernel_gap_steps=tally.largest_gap,
        effect_sqnr_db=votes.noise.db,
        effect_share=0.0,
        agreement=votes.agreed / max(1, votes.images) if classifies else None,
        top1_drop=(right - votes.right) / votes.images if labelled and votes.images else None,
        range=range_facts(piece.output.grid, tally.span),
        channels=channel_facts(tally.span),
        weights=_weight_facts(dissection, piece),
        problem=tally.problem,
    )


def _weight_facts(dissection: Dissection, piece: Piece) -> WeightFacts | None:
    """Compare the weights of a piece with one layer in both files."""
    own, other = ([node for node in nodes if node.weighted] for nodes in (piece.nodes, piece.float_nodes))
    if len(own) != 1 or len(other) != 1:
        return None
    return weight_facts(dissection.float_weights(other[0].name), dissection.weights(own[0].name))


def _whole(walked: Walked, *, classifies: bool, labelled: bool) -> WholeDiagnosis:
    shipped, images = walked.whole, walked.whole.images
    state = health(np.concatenate(walked.outputs))
    return WholeDiagnosis(
        sqnr_db=shipped.noise.db,
        reference_sqnr_db=walked.reference.noise.db,
        agreement=shipped.agreed / images if classifies else None,
        top1=shipped.right / images if labelled else None,
        float_top1=walked.truth.right / images if labelled else None,
        tied=state.tied,
        clipped=state.clipped,
    )


def _with_suspicion(layer: LayerDiagnosis, host_isa: str, *, saturates: bool) -> LayerDiagnosis:
    suspicion = suspect(layer, host_isa, saturates=saturates)
    if suspicion is None:
        return layer
    cause, fix = suspicion
    return layer.model_copy(update={"cause": cause, "fix": fix})
