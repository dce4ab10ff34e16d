"""What kernels are called, and how they cross to a child process."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from edgecnn.core.errors import UsageError
from edgecnn.quantization.kernels import CLIPS, EVERY_ACTIVATION, SCHEMES, Activation, Kernels


def test_different_kernels_have_different_names() -> None:
    fused: list[tuple[Activation, ...]] = [(), ("relu",), CLIPS, (*CLIPS, "silu"), EVERY_ACTIVATION]
    every = [
        Kernels(weights, some, channel_grids=by_channel)
        for weights in SCHEMES
        for some in fused
        for by_channel in (False, True)
    ]
    assert len({kernels.name for kernels in every}) == len(every)


def test_kernels_survive_json() -> None:
    kernels = Kernels("pairs-c", EVERY_ACTIVATION, channel_grids=True)
    assert Kernels.of(json.loads(json.dumps(asdict(kernels)))) == kernels


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"weights": "int4"}, "weights: .*'symmetric'"),
        ({"weights": "symmetric", "fused": ["swish"]}, "fused.0: .*'silu'"),
        ({}, "weights: "),
    ],
)
def test_other_data_are_refused_in_one_line(document: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=f"these are no kernels: {said}"):
        Kernels.of(document)
