from __future__ import annotations

import errno
import os

import pytest

from edgecnn.core.errors import InputError, MachineFault, system_fault


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOSPC, MachineFault, "model.onnx: the disk is full"),
        (errno.EROFS, MachineFault, "model.onnx: the file system is read-only"),
        (errno.ENOENT, InputError, "model.onnx: No such file or directory"),
    ],
)
def test_only_a_fault_of_the_storage_is_one_of_the_machine(
    number: int, kind: type[InputError], said: str
) -> None:
    found = system_fault(OSError(number, os.strerror(number), "model.onnx"))
    assert (type(found), found.message) == (kind, said)
    assert system_fault(OSError(errno.ENOENT, "gone"), "out").message == "out: gone"
