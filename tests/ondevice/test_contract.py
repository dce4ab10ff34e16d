from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgecnn.ondevice.contract import Contract


def test_survives_json() -> None:
    contract = Contract(height=96, width=128, resize="letterbox", color="gray", mean=(1.5,), std=(2.0,))
    assert Contract.from_json(json.loads(json.dumps(contract.to_json()))) == contract


def test_lookup_is_rounded_once() -> None:
    table = Contract(height=1, width=1).lookup()
    assert table.shape == (256, 3)
    assert table[200, 1] == np.float32((200 - 116.28) / 57.12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "0x32"),
        ({"width": 10_000}, "1..8192"),
        ({"height": "32"}, "height: '32' is not a whole number"),
        ({"resize": "stretch"}, "resize: 'stretch' is not one of crop, squash, letterbox"),
        ({"interpolation": "nearest"}, "interpolation"),
        ({"color": "hsv"}, "color"),
        ({"crop_fraction": 0.0}, "crop_fraction"),
        ({"crop_fraction": 1.5}, "crop_fraction"),
        ({"pad_value": 256}, "pad_value"),
        ({"mean": [1.0]}, "need 3 values for rgb, not 1 and 3"),
        ({"std": [1.0, 0.0, 1.0]}, "std"),
        ({"std": [1.0, math.nan, 1.0]}, r"std\[1\]: nan is not a number"),
        ({"mean": [1.0, math.inf, 1.0]}, r"mean\[1\]: inf is not a number"),
        ({"antialias": True}, "unknown key 'antialias'"),
    ],
)
def test_what_a_file_may_not_say(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Contract.from_json({"height": 32, "width": 32, **change})
