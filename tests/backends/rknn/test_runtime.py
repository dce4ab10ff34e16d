"""What Rockchip's simulator refuses before its toolkit is imported; ``test_compiler.py`` executes files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.rknn.runtime import RknnSimulator
from edgecnn.backends.worker.runtime import Options
from edgecnn.core.errors import UsageError
from tests.support import tiny_models as tiny


@pytest.mark.parametrize(
    ("extra", "message"),
    [({"platform": "rk3588", "fast": "1"}, "rknn has no option fast"), ({}, "no platform")],
)
def test_a_chip_is_needed_and_other_settings_are_unknown(
    tmp_path: Path, extra: dict[str, str], message: str
) -> None:
    model = tiny.write_quantized_onnx(tmp_path / "net.onnx")
    with pytest.raises(UsageError, match=message):
        RknnSimulator.open(model, Options(extra=extra))
