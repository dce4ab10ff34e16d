"""The raw heads of a detector in an ONNX file, found in front of its decode part.

Exported detectors end in operations that turn the heads' maps into tables of boxes: sigmoids, grids, strides,
concatenations. In int8 all of these values would share one scale. What the maps mean is guessed from their
channels and sizes (``codings/``), and the guess is *proven*: our decode of the maps must equal the answers of
the file (``head_proof.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.imported.codings.table import guesses
from edgecnn.models.imported.families import FAMILIES, family_named
from edgecnn.models.imported.head_proof import Proof, prove
from edgecnn.models.imported.onnx_graph import shape_of
from edgecnn.models.imported.raw_maps import last_convolutions, map_levels
from edgecnn.models.imported.tail import Tail

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnx_ir as ir

    from edgecnn.models.imported.codings.guess import Guess, Part
    from edgecnn.models.imported.raw_maps import MapLevel
    from edgecnn.ondevice.detector import Detector

_SHOWN = 9
_DISTRIBUTION_OF_17 = 17


@dataclass(frozen=True)
class Heads:
    """Place where a detector is cut.

    Attributes:
        family: Name of the family whose preprocessing it gets.
        parts: The raw maps, in the order of the detector's indices.
        detector: The computation of the removed part.
        classes: Number of classes.
    """

    family: str
    parts: tuple[Part, ...]
    detector: Detector
    classes: int


@dataclass(frozen=True)
class _Found:
    guess: Guess
    proof: Proof


def find_heads(model: ir.Model, file: Path, family: str = "", outputs: tuple[str, ...] = ()) -> Heads:
    """Find the raw heads of a detector and what they mean.

    Args:
        model: Model with inferred shapes and batch 1.
        file: Name of the file in messages.
        family: The user's word for the family; it decides what the file does not show.
        outputs: Names of the raw maps; without any, the last convolutions are taken.

    Raises:
        InputError: The decode part is not recognized; the message names what its maps resemble.
        UsageError: There is no such family, or the file leaves open which one it is.
    """
    if family:
        family_named(family)
    levels = map_levels(model, outputs)
    tail = _tail(model, file, levels)
    tried = [] if tail is None else list(_tried(levels, tail))
    found = [_Found(guess, proof) for guess, proof in tried if proof is not None]
    if tail is None or not found:
        raise _unrecognized(model, file, levels, [guess for guess, _ in tried])
    chosen = next((item for item in found if item.proof.boxes), None) or _choose(found, family, file)
    return _described(chosen, tail, family)


def _tail(model: ir.Model, file: Path, levels: Sequence[MapLevel]) -> Tail | None:
    """Return what follows the maps; None if there are no maps, or the answers need more than them."""
    try:
        return Tail(model, file, [found.name for level in levels for found in level.maps]) if levels else None
    except ValueError:
        return None


def _tried(levels: Sequence[MapLevel], tail: Tail) -> list[tuple[Guess, Proof | None]]:
    """Return all guesses up to the first whose boxes are proven, each with its proof."""
    maps = tail.noise()
    with np.errstate(over="ignore", invalid="ignore"):
        answers = tail.answers(maps)
        tried: list[tuple[Guess, Proof | None]] = []
        for guess in guesses(levels, tail):
            proof = prove(guess, maps, answers, tail.size)
            tried.append((guess, proof))
            if proof is not None and proof.boxes:
                break
    return tried


def _choose(found: Sequence[_Found], family: str, file: Path) -> _Found:
    """Return the guess of a file whose answers do not show the coding of boxes.

    Raises:
        UsageError: Several families are possible, and the user names none of them.
    """
    families = list(dict.fromkeys(item.guess.family for item in found))
    same = [item for item in found if item.guess.family == family]
    if same or len(families) == 1:
        return (same or list(found))[0]
    raise UsageError(
        f"{file} ends in raw maps that several families write: {', '.join(families)}",
        hint=f"say which one it is, such as --family {families[0]}",
    )


def _described(found: _Found, tail: Tail, family: str) -> Heads:
    guess, proof = found.guess, found.proof
    name = family or _family(guess, proof)
    usual = FAMILIES[name]
    # Where the file chooses the best boxes without suppression, its network was trained to need none.
    iou = 1.0 if proof.rows and not tail.suppresses else usual.iou
    return Heads(name, guess.parts, guess.detector(usual.score, iou, usual.most), guess.classes)


def _family(guess: Guess, proof: Proof) -> str:
    """Return the name of the family, where the layout of the answers tells more than the maps."""
    if "ones" in proof.columns:
        return "yolov6"
    if guess.bins == _DISTRIBUTION_OF_17 and not proof.coarse_first:
        return "yolo-nas" if guess.offset else "damo-yolo"
    return guess.family


def _unrecognized(
    model: ir.Model, file: Path, levels: Sequence[MapLevel], tried: Sequence[Guess]
) -> InputError:
    answers = ", ".join(f"{value.name} {list(shape_of(value))}" for value in model.graph.outputs)
    last = ",".join(last_convolutions(model.graph)[:_SHOWN])
    return InputError(
        f"{file}: the decode part behind {answers} is not recognized; {_resembles(levels, tried)}",
        hint=f"name the raw maps yourself, such as --outputs {last}",
    )


def _resembles(levels: Sequence[MapLevel], tried: Sequence[Guess]) -> str:
    """Return a sentence about what the maps resemble."""
    families = list(dict.fromkeys(guess.family for guess in tried))
    if families:
        return (
            f"its {len(levels)} feature maps resemble those of {' and '.join(families)}, whose decode gives "
            "other values"
        )
    if not levels:
        return "its last convolutions are no feature maps of one image"
    channels = "; ".join(
        f"{', '.join(str(found.channels) for found in level.maps)} at stride {level.stride}"
        for level in levels
    )
    return f"its last convolutions have channels that no known family has: {channels}"
