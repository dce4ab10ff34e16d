"""Tests of the environment variables that a network of the user's own reads."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

import pytest

from edgecnn.core import process
from edgecnn.core.errors import InputError
from edgecnn.core.named_code import named_by_user
from edgecnn.models import variables
from edgecnn.models.sources.module import FoundCode, OwnCodeRequest, code_digest
from edgecnn.models.spec import OwnCode
from edgecnn.models.variables import WHOLE, require_same_variables

if TYPE_CHECKING:
    from pathlib import Path

NETWORK = """
import os
from os.path import expanduser
from pathlib import Path
from torch import nn
AT_IMPORT = os.environ.get("AT_IMPORT", "4")
class Net(nn.Module):
    def __init__(self, classes=2, whole=False):
        super().__init__()
        os.environ.setdefault("SET_BY_CODE", "1")
        width = int(os.getenv("BY_GETENV", "4")) + ("ASKED_FOR" in os.environ) + Path("wider").exists()
        os.environb.get(b"AS_BYTES"), expanduser("~"), os.environ.get("TMPDIR"), os.environ.get("RANK")
        if whole:
            {**os.environ}
        self.first, self.last = nn.Conv2d(3, width, 3), nn.Linear(width, classes)
    def forward(self, x):
        if self.training:
            os.environ["IN_TRAINING"]
        return self.last(self.first(x).relu().mean((2, 3)))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a network that reads variables."""
    (tmp_path / "reads.py").write_text(NETWORK)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("AT_IMPORT", "8")
    monkeypatch.setenv("IN_TRAINING", "é")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def digest(value: str) -> str:
    """Return the digest of a value as it is recorded."""
    return hashlib.sha256(value.encode()).hexdigest()


def test_the_variables_that_the_code_reads_are_found(folder: Path) -> None:
    request = OwnCodeRequest("python:reads:Net", {"whole": True})
    found = process.call("edgecnn.models.sources.module:find_code", request, log=folder / "log")
    code = found.read(FoundCode).code
    assert code.variables == {
        "AT_IMPORT": digest("8"),
        "ASKED_FOR": "",
        "AS_BYTES": "",
        "BY_GETENV": "",
        "IN_TRAINING": digest("é"),
        "SET_BY_CODE": "",  # what the process was started with
    }, "neither TMPDIR nor RANK, which edgecnn and torchrun set"
    assert code.library_variables["HOME"] == digest(os.environ["HOME"])
    assert code.library_variables[WHOLE]


def test_another_value_and_another_network_are_other_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def now() -> str:
        return code_digest("python:reads:Net", {})

    with named_by_user("python:reads:Net"):
        first = now()
        monkeypatch.setenv("NOT_READ", "1")
        assert now() == first
        monkeypatch.setenv("AS_BYTES", "1")
        second = now()
        assert second != first, "a variable that changes no layer"
        (folder / "wider").touch()
        assert now() != second, "a file that is not read, but makes the network wider"


def test_a_checkpoint_of_code_that_has_read_another_value_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variables, "_first", {})
    code = OwnCode(modules={}, packages={}, variables={"AT_IMPORT": digest("8"), "NONE": ""})
    require_same_variables(code, folder)
    monkeypatch.setenv("NONE", "set by the code itself, after the first network was built")
    require_same_variables(code, folder)
    monkeypatch.setattr(variables, "_first", {})
    with pytest.raises(InputError, match="the environment variable NONE, which the code") as unset:
        require_same_variables(code, folder)
    assert str(unset.value.hint).startswith("unset NONE")
    monkeypatch.setenv("AT_IMPORT", "9")
    monkeypatch.setattr(variables, "_first", {})
    with pytest.raises(
        InputError, match="AT_IMPORT, which the code of this network reads, has another value"
    ):
        require_same_variables(code, folder)


def test_a_spec_without_variables_is_written_as_before() -> None:
    assert OwnCode(modules={}, packages={}).to_json() == {"modules": {}, "packages": {}, "files": {}}
