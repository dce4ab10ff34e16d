"""Layers are found by what their weights are, not by what a converter calls them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.quantization.layers import match_layers


def _network(seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {
        "stem": (8, 3, 3, 3),
        "one": (8, 8, 1, 1),
        "two": (8, 8, 1, 1),
        "depthwise": (8, 1, 3, 3),
        "head": (10, 8),
    }
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@given(st.integers(0, 2**31))
def test_a_factor_an_output_channel_does_not_hide_a_layer(seed: int) -> None:
    named = _network(seed)
    random = np.random.default_rng(seed + 1)
    found = {
        f"node_{place}": array
        * random.uniform(0.01, 9, (len(array), *(1,) * (array.ndim - 1))).astype(np.float32)
        for place, array in enumerate(reversed(named.values()))
    }
    assert match_layers(found, named) == dict(zip(found, reversed(named), strict=True))


def test_equal_layers_are_matched_in_their_order() -> None:
    weights = _network(0)["one"]
    assert match_layers({"a": weights, "b": weights}, {"x": weights, "y": weights}) == {"a": "x", "b": "y"}


def test_a_dead_channel_matches_a_dead_channel() -> None:
    weights = _network(0)["stem"]
    weights[3] = 0.0
    assert match_layers({"a": 2 * weights}, {"x": weights}) == {"a": "x"}


def test_what_is_not_in_the_network_is_left_out() -> None:
    assert match_layers({"a": _network(0)["one"]}, {"x": _network(1)["one"], "y": _network(0)["stem"]}) == {}
