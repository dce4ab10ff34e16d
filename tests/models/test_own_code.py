"""Tests of the code that a network of the user's own is made of."""

from __future__ import annotations

import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from edgecnn.core import process
from edgecnn.core.errors import InputError
from edgecnn.core.store.digest import digest_file
from edgecnn.models import own_code
from edgecnn.models.own_code import is_installed, require_unchanged
from edgecnn.models.sources.module import OwnCodeRequest
from edgecnn.models.spec import OwnCode

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "nets.py": """
import json
import numpy
from torch import nn
from parts.blocks import block

class Net(nn.Module):
    def __init__(self, classes=4, in_channels=3, width="late"):
        super().__init__()
        import importlib
        import safetensors.numpy
        count = importlib.import_module(width).WIDTH
        self.first, self.last = block(in_channels, count), nn.Linear(count, classes)

    def forward(self, x):
        from parts.act import act
        return self.last(act(self.first(x)).mean((2, 3)))
""",
    "parts/__init__.py": "",
    "parts/blocks.py": "from .deep import conv as block",
    "parts/deep.py": "from torch import nn\ndef conv(i, o): return nn.Conv2d(i, o, 3)",
    "parts/act.py": "from torch.nn.functional import relu as act",
    "parts/unused.py": "",
    "late.py": "WIDTH = 8",
    "other.py": "WIDTH = 4",
    "unused.py": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a network of several modules."""
    (tmp_path / "parts").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_module_that_a_network_loads_is_found(folder: Path, tmp_path: Path) -> None:
    request = OwnCodeRequest("python:nets:Net", {"width": "other"})
    child = process.call("edgecnn.models.sources.module:find_code", request, log=tmp_path / "log")
    found = child.read(OwnCode)
    files = {
        "nets": "nets.py",
        "parts": "parts/__init__.py",
        "parts.blocks": "parts/blocks.py",
        "parts.deep": "parts/deep.py",
        "parts.act": "parts/act.py",  # imported when the network runs
        "other": "other.py",  # imported when it is built with these arguments
    }
    assert found.modules == {name: digest_file(folder / file) for name, file in files.items()}
    wanted = {name: metadata.version(name) for name in ("numpy", "safetensors", "torch")}
    assert wanted.items() <= found.packages.items(), "also what edgecnn itself has loaded before"
    assert "json" not in found.packages


def _code(**modules: str) -> OwnCode:
    return OwnCode(modules=modules, packages={})


def test_a_changed_module_is_not_taken_for_the_old_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(own_code, "_seen", {})
    old = digest_file(folder / "unused.py")
    require_unchanged(_code(unused=old), tmp_path)
    (folder / "unused.py").write_text("# changed")
    with pytest.raises(InputError, match=r"module unused has changed since .* was made"):
        require_unchanged(_code(unused=old), tmp_path)
    with pytest.raises(InputError, match="module unused has changed since this process loaded it"):
        require_unchanged(_code(unused=digest_file(folder / "unused.py")), tmp_path)
    with pytest.raises(InputError, match="module no_such has changed"):
        require_unchanged(_code(no_such=old), tmp_path)


def test_libraries_are_installed_and_the_user_s_files_are_not(tmp_path: Path) -> None:
    import json
    from pathlib import Path

    import torch

    (tmp_path / "own.py").write_text("")
    assert is_installed(Path(json.__file__))
    assert is_installed(Path(torch.__file__))
    assert is_installed(None)
    assert is_installed(tmp_path / "none.py")
    assert not is_installed(tmp_path / "own.py")
    assert not is_installed(Path(sys.modules[__name__].__file__ or ""))
