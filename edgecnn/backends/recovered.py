"""Results of an accuracy recovery for a quantizer: weight scales, trained ranges, float layers.

Layers have the names of the network's modules; a format finds them by their weights
(:func:`edgecnn.quantization.layers.match_layers`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.safetensors_header import read_arrays
from edgecnn.quantization.files import GRID_FILE, RANGES_FILE
from edgecnn.quantization.given_ranges import GivenRanges, match
from edgecnn.quantization.layers import Weights, match_layers
from edgecnn.quantization.ranges import UNTRIED, Choice, choose, estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from edgecnn.backends.format import QuantizeRequest
    from edgecnn.quantization.ranges import Method, Observations, Range
    from edgecnn.quantization.sqnr import Answer

CHECKPOINT_FILE = "model.safetensors"

_MATRIX, _KERNEL = 2, 4


@dataclass(frozen=True)
class Recovered:
    """A recovered network, in the form that a quantizer needs.

    Attributes:
        weights: Weights of its layers, ``[O, I, H, W]`` or ``[O, I]``, by the layer's name.
        scales: Weight scales of the layers whose weights lie on a grid, float32 ``[O]``.
        float_layers: Layers that stay in floating point.
        trained: Activation ranges from training, if there are any.
    """

    weights: dict[str, Weights] = field(default_factory=dict)
    scales: dict[str, Weights] = field(default_factory=dict)
    float_layers: tuple[str, ...] = ()
    trained: GivenRanges | None = None

    @classmethod
    def of(cls, request: QuantizeRequest) -> Recovered:
        """Read the recovery that a request names.

        Raises:
            UsageError: ``float_layers`` names a layer that the network does not have.
            InputError: The ranges beside the network are damaged.
        """
        wanted = request.options.get("float_layers", ())
        if request.network is None:
            if wanted:
                raise UsageError("quantize.float_layers needs the network that the file was made from")
            return cls()
        weights = _suffixed(request.network / CHECKPOINT_FILE, ".weight")
        layers = {name: array for name, array in weights.items() if array.ndim in (_MATRIX, _KERNEL)}
        for name in wanted:
            if name not in layers:
                raise UsageError(
                    f"quantize.float_layers names {name!r}, which is no layer of the network",
                    hint="`edgecnn diagnose` lists its layers",
                )
        grid = request.network / GRID_FILE
        scales = _suffixed(grid, ".scale") if grid.is_file() else {}
        trained = GivenRanges.load(request.network) if (request.network / RANGES_FILE).is_file() else None
        return cls(layers, scales, tuple(wanted), trained)

    def choose_ranges(
        self,
        seen: Observations,
        outputs: Collection[str],
        methods: Sequence[Method],
        truth: Sequence[Answer],
        quantized: Callable[[dict[str, Range], Sequence[int]], Sequence[Answer]],
    ) -> Choice:
        """Return the trained ranges, or choose ranges if there are none.

        A format may have tensors without a trained range, such as the terms of a hard-sigmoid that it writes
        as separate operations. For them the default range estimator is used, because there is nothing to
        choose by.

        The arguments are those of :func:`edgecnn.quantization.ranges.choose`.

        Raises:
            InputError: The calibration images are not those of the training.
        """
        if self.trained is None:
            return choose(seen, outputs, methods, truth, quantized)
        found = match(seen, self.trained)
        if not found:
            raise InputError(
                "no tensor of the file holds what the training's tensors held on the calibration images",
                hint="quantize with the calibration set of the training",
            )
        return Choice(estimate(seen, outputs, UNTRIED) | found, "trained", {})

    def grid_scales(self, found: Mapping[str, Weights]) -> dict[str, Weights]:
        """Return the given scales of a file's layers, by the file's names."""
        if not self.scales:
            return {}
        names = match_layers(found, self.weights)
        return {place: self.scales[name] for place, name in names.items() if name in self.scales}

    def left_in_float(self, found: Mapping[str, Weights]) -> list[str]:
        """Return the file's names of the layers that stay in floating point.

        Raises:
            UsageError: One of them is not in the file.
        """
        if not self.float_layers:
            return []
        wanted = {name: self.weights[name] for name in self.float_layers}
        places = {name: place for place, name in match_layers(found, wanted).items()}
        missing = [name for name in self.float_layers if name not in places]
        if missing:
            raise UsageError(f"layer {missing[0]} of quantize.float_layers is not found in the lowered file")
        return [places[name] for name in self.float_layers]


def _suffixed(file: Path, suffix: str) -> dict[str, Weights]:
    found = read_arrays(file).items()
    return {name.removesuffix(suffix): array for name, array in found if name.endswith(suffix)}
