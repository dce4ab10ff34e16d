"""Outputs of a network as files."""

from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.pipeline.stages.outputs import read_outputs, write_outputs


def test_outputs_keep_their_order_and_their_values(tmp_path: Path) -> None:
    """With more than ten outputs, the order of names would not be the order of outputs."""
    written = [np.full((2, 3), place, np.float32) for place in range(12)]
    write_outputs(tmp_path / "new" / "folder", written)
    read = read_outputs(tmp_path / "new" / "folder")
    assert len(read) == 12
    for one, other in zip(written, read, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_folder_without_outputs_is_no_network_without_outputs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"outputs_0\.npy cannot be read: No such file"):
        read_outputs(tmp_path)


def test_a_missing_output_is_noticed(tmp_path: Path) -> None:
    write_outputs(tmp_path, [np.zeros((1, 2), np.float32)] * 3)
    (tmp_path / "outputs_1.npy").unlink()
    with pytest.raises(InputError, match=r"outputs_1\.npy cannot be read: No such file"):
        read_outputs(tmp_path)
