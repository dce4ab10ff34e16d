"""Tests of the names of kernels, and of passing them to a child process."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from edgecnn.core.documents.arguments import from_plain, to_plain
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
    assert from_plain(Kernels, json.loads(json.dumps(to_plain(kernels)))) == kernels


@pytest.mark.parametrize(
    ("plain", "place"),
    [
        ({"weights": "int4"}, "weights"),
        ({"weights": "symmetric", "fused": ["swish"]}, "fused.0"),
        ({}, "weights"),
    ],
)
def test_other_data_are_refused(plain: dict[str, object], place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        from_plain(Kernels, plain)
    assert ".".join(map(str, refused.value.errors()[0]["loc"])) == place
