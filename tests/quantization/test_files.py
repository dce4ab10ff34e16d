from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError
from edgecnn.quantization.files import LAYERS_FILE, read_float_layers


def test_layers_are_read(tmp_path: Path) -> None:
    (tmp_path / LAYERS_FILE).write_text('{"float_layers": ["conv", "fc"], "why": 1}')
    assert read_float_layers(tmp_path) == ["conv", "fc"]


@pytest.mark.parametrize("content", ["[]", "{}", "3", '{"float_layers": "conv"}', '{"float_layers": [1]}'])
def test_another_document_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / LAYERS_FILE).write_text(content)
    with pytest.raises(InputError, match=r"layers\.json does not hold the names of layers"):
        read_float_layers(tmp_path)
