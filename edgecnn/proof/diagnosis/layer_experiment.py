"""The experiment of a diagnosis: every piece of an int8 network, alone and in the network.

The pieces are measured one after another with all images at once, so that only values that later pieces read
are kept. For each piece and image:

* the float file's operations on float inputs give the next float inputs;
* the int8 file's operations on the int8 file's values so far give the accumulated error;
* both on the float inputs, rounded to their grids, differ by the piece's *own* error: the rounding error of
  its
    inputs belongs to the pieces that write them;
* that error, added to the float value, passes through the rest of the float network: its effect on the task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from edgecnn.backends.dissection import Wiring, pieces
from edgecnn.core.doing import say
from edgecnn.core.errors import InputError
from edgecnn.proof.diagnosis.accumulators import PieceTally, Span, Votes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from edgecnn.backends.dissection import Cut, Dissection, Piece, ProbePoint
    from edgecnn.backends.worker.runtime import Execution

Values = npt.NDArray[np.float32]

CHUNK_BYTES = 1_000_000_000
"""Memory for the values of the images that are processed at once, in bytes."""

_COPIES = 6
"""Tensors of the largest size alive at once: float and accumulated, before and after, and a skip."""


@dataclass
class Walked:
    """Sums of the experiment.

    Attributes:
        pieces: The pieces of the int8 file.
        tallies: Sums of each piece.
        truth: The float file's own votes.
        whole: The whole int8 file in shipping execution.
        reference: The whole int8 file in reference execution; without images if a piece could not be run.
        outputs: First output of the whole int8 file in shipping execution, one per image.
    """

    pieces: list[Piece]
    tallies: list[PieceTally]
    truth: Votes
    whole: Votes
    reference: Votes
    outputs: list[Values]


def walk(
    dissection: Dissection,
    images: Sequence[Values],
    labels: Sequence[int],
    *,
    shipping: Execution = "shipping",
    progress: Callable[[int, int], None],
) -> Walked:
    """Measure every piece on some images.

    Args:
        dissection: The int8 file and its float original.
        images: float32 ``[1, ...]`` in the network's layout.
        labels: One per image, -1 for an unlabelled image.
        shipping: Execution that counts as shipping: ``reference`` if the shipping kernels are exact.
        progress: Called with (done, total) pieces.

    Raises:
        InputError: The files do not belong together, or cannot be run.
    """
    found = pieces(dissection)
    axis = 1 if dissection.layout == "NCHW" else -1
    walked = Walked(found, [PieceTally(Span(axis)) for _ in found], Votes(), Votes(), Votes(), [])
    size = max(1, CHUNK_BYTES // (4 * _COPIES * max(point.size for point in dissection.points)))
    starts = range(0, len(images), size)
    for number, start in enumerate(starts):
        chunk = [images[index] for index in range(start, min(start + size, len(images)))]
        walker = _Walker(dissection, walked, chunk, labels[start : start + size], shipping)
        for place in range(len(found)):
            say(f"comparing layer {found[place].name}")
            walker.step(place)
            progress(number * len(found) + place + 1, len(starts) * len(found))
        walker.finish()
    return walked


class _Walker:
    """A group of images on its way through the network."""

    def __init__(
        self,
        dissection: Dissection,
        walked: Walked,
        images: list[Values],
        labels: Sequence[int],
        shipping: Execution,
    ) -> None:
        image = dissection.points[0]
        self._dissection, self._walked, self._labels, self._shipping = dissection, walked, labels, shipping
        self._images = images
        self._wiring = Wiring(dissection.float_nodes)
        self._floats: dict[str, list[Values]] = {image.counterpart: images}
        self._quantized: dict[str, list[Values]] = {image.key: images}
        # The image is needed again when the float network continues from the middle.
        self._last_use = _last_use(walked.pieces)
        self._kept = (image.key, image.counterpart)
        run = dissection.cut_float([image.counterpart], dissection.float_outputs)
        self._truth = [run([value]) for value in images]
        for truth, label in zip(self._truth, labels, strict=True):
            walked.truth.add(truth, truth, label)

    def step(self, place: int) -> None:
        """Measure one piece; if that fails, the reason is noted and the experiment continues."""
        piece, tally = self._walked.pieces[place], self._walked.tallies[place]
        try:
            run = self._float_run(piece)
            self._go_on(piece, run, tally)
            reference = self._dissection.cut(piece.inputs, piece.output, "reference")
            self._own_error(piece, run, reference, tally)
            self._accumulate(piece, reference, tally)
        except InputError as error:
            tally.problem = error.message
        self._forget(place)

    def _go_on(self, piece: Piece, run: Cut, tally: PieceTally) -> None:
        """Compute the float file's next values."""
        inputs = [self._float(name) for name in piece.float_inputs]
        made = [run(values)[0] for values in zip(*inputs, strict=True)]
        for value in made:
            tally.span.add(value, piece.output.grid)
        self._floats[piece.output.counterpart] = made

    def _own_error(self, piece: Piece, run: Cut, reference: Cut, tally: PieceTally) -> None:
        output = piece.output
        shipping = reference
        if self._shipping != "reference":
            shipping = self._dissection.cut(piece.inputs, output, self._shipping)
        rest = self._rest(output)
        for index in range(len(self._images)):
            on_grid = {point.counterpart: self._on_grid(point, index) for point in piece.inputs}
            given = [on_grid[point.counterpart] for point in piece.inputs]
            want = run([on_grid.get(name, self._float(name)[index]) for name in piece.float_inputs])[0]
            exact = _like(want, reference(given)[0])
            shipped = _like(want, shipping(given)[0])
            tally.alone.add(want, exact)
            tally.shipping.add(want, shipped)
            if output.grid is not None:
                gap = float(np.abs((shipped - exact) / output.grid.step).max())
                tally.largest_gap = max(tally.largest_gap, gap)
            wrong = self._floats[output.counterpart][index] + (shipped - want)
            tally.votes.add(self._truth[index], rest(wrong, index), self._labels[index])

    def _accumulate(self, piece: Piece, reference: Cut, tally: PieceTally) -> None:
        """Compute the int8 file's next values; after a piece that could not be run there are none."""
        if any(point.key not in self._quantized for point in piece.inputs):
            return
        inputs = [self._quantized[point.key] for point in piece.inputs]
        floats = self._floats[piece.output.counterpart]
        made = [reference(values)[0] for values in zip(*inputs, strict=True)]
        for want, have in zip(floats, made, strict=True):
            tally.accumulated.add(want, _like(want, have))
        self._quantized[piece.output.key] = made

    def _float_run(self, piece: Piece) -> Cut:
        if not piece.float_nodes:
            return lambda values: [values[0]]
        return self._dissection.cut_float(piece.float_inputs, [piece.output.counterpart])

    def _float(self, name: str) -> list[Values]:
        """Return a float tensor's values, computed from the image if no piece writes them."""
        if name not in self._floats:
            image = self._dissection.points[0].counterpart
            run = self._dissection.cut_float([image], [name])
            self._floats[name] = [run([value])[0] for value in self._images]
        return self._floats[name]

    def _on_grid(self, point: ProbePoint, index: int) -> Values:
        value = self._float(point.counterpart)[index]
        return value if point.grid is None else point.grid.snap(value)

    def _rest(self, point: ProbePoint) -> Callable[[Values, int], list[Values]]:
        """Return a function from another value of a float tensor to the float outputs."""
        outputs = self._dissection.float_outputs
        missing = [name for name in outputs if name not in self._floats]
        _, read = self._wiring.behind(missing, self._floats)
        run = self._dissection.cut_float(read, missing) if missing else None

        def rest(value: Values, index: int) -> list[Values]:
            known = {name: values[index] for name, values in self._floats.items()}
            known[point.counterpart] = value
            made = [] if run is None else run([known[name] for name in read])
            known |= dict(zip(missing, made, strict=True))
            return [known[name] for name in outputs]

        return rest

    def _forget(self, place: int) -> None:
        """Drop the values that no later piece reads."""
        for values in (self._floats, self._quantized):
            for name in list(values):
                if self._last_use.get(name, place + 1) <= place and name not in self._kept:
                    del values[name]

    def finish(self) -> None:
        """Run the whole int8 file on the chunk."""
        image, outputs = self._dissection.points[0], self._dissection.outputs
        runs = [self._dissection.cut([image], point, self._shipping) for point in outputs]
        for index, value in enumerate(self._images):
            results = [run([value])[0] for run in runs]
            self._walked.outputs.append(results[0])
            self._walked.whole.add(self._truth[index], results, self._labels[index])
            if all(point.key in self._quantized for point in outputs):
                exact = [self._quantized[point.key][index] for point in outputs]
                self._walked.reference.add(self._truth[index], exact, self._labels[index])


def _last_use(found: Sequence[Piece]) -> dict[str, int]:
    """Return the index of the last piece that reads a tensor, by its name in either file.

    A tensor that no piece reads is an output and is kept.
    """
    last: dict[str, int] = {}
    for place, piece in enumerate(found):
        for name in (*piece.float_inputs, *(point.key for point in piece.inputs)):
            last[name] = place
        for point in piece.inputs:
            last[point.counterpart] = place
    for piece in found:
        for name in (piece.output.key, piece.output.counterpart):
            last.setdefault(name, len(found))
    return last


def _like(want: Values, have: Values) -> Values:
    if want.shape != have.shape:
        raise InputError(
            f"it has shape {list(have.shape)} in the int8 file and {list(want.shape)} in the float file"
        )
    return have
