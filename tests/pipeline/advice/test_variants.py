"""Changed copies of a network, with random weights that only the change makes different."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from edgecnn.core.errors import InputError
from edgecnn.pipeline.advice.change import VariantRequest
from edgecnn.pipeline.advice.variants import describe, replace_activations, write_variants


def test_activations_are_replaced_at_every_depth_and_counted() -> None:
    inner = nn.Sequential(nn.Conv2d(3, 4, 1), nn.SiLU(), nn.GELU())
    module = nn.Sequential(inner, nn.SiLU(), nn.ReLU())
    assert replace_activations(module, {"SiLU": "Hardswish", "GELU": "ReLU6"}) == 3
    assert [type(layer).__name__ for layer in module.modules()] == [
        *("Sequential", "Sequential", "Conv2d", "Hardswish", "ReLU6"),
        *("Hardswish", "ReLU"),
    ]
    assert replace_activations(module, {"SiLU": "ReLU"}) == 0


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    request = VariantRequest(str(tmp_path / "empty"), {}, "vela", tmp_path, ())
    for build in (describe, write_variants):
        with pytest.raises(InputError):
            build(request)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"], "nothing was written"
