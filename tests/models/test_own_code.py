"""Tests of the code that a network of the user's own is made of."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from edgecnn.core import process
from edgecnn.core.errors import InputError
from edgecnn.core.store.digest import digest_file
from edgecnn.models import own_code
from edgecnn.models.own_code import is_installed, require_unchanged
from edgecnn.models.sources.module import FoundCode, OwnCodeRequest
from edgecnn.models.spec import OwnCode

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "nets.py": """
import json
from pathlib import Path
import numpy
from torch import nn
from parts.blocks import block

class Net(nn.Module):
    def __init__(self, classes=4, in_channels=3, width="late"):
        super().__init__()
        import importlib.util
        import safetensors.numpy
        here = Path(__file__).parent
        (factor,) = json.loads((here / "data" / "sizes.json").read_text())
        count = importlib.import_module(width).WIDTH * factor
        spec = importlib.util.spec_from_file_location("by_path", here / "by_path.py")
        by_path = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(by_path)
        for name in ("log.txt", ".state"):
            (here / name).write_text("written by the network itself")
            (here / name).read_text()
        self.first, self.last = block(in_channels, count), nn.Linear(count, classes)

    def forward(self, x):
        from parts.act import act
        if self.training:
            __import__("in_" + "training")
        if x.ndim == 17:
            from parts import never
            import no_such_module, spaces.never_too
        open("forward.txt").close()
        return self.last(act(self.first(x)).mean((2, 3)))
""",
    "parts/__init__.py": "",
    "parts/blocks.py": "from .deep import conv as block",
    "parts/deep.py": "from torch import nn\nfrom . import deeper\ndef conv(i, o): return nn.Conv2d(i, o, 3)",
    "parts/deeper.py": "import spaces.inside",
    "parts/act.py": "from torch.nn.functional import relu as act",
    "parts/never.py": "import timm",
    "parts/unused.py": "",
    "spaces/inside.py": "from archived import VALUE",
    "spaces/never_too.py": "this is no Python",
    "in_training.py": "",
    "by_path.py": "",
    "late.py": "WIDTH = 8",
    "other.py": "WIDTH = 4",
    "unused.py": "",
    "data/sizes.json": "[2]",
    "data/unused.json": "[3]",
    "forward.txt": "",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a network of several modules."""
    project = tmp_path / "project"
    for name, text in FILES.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    with zipfile.ZipFile(project / "archive.zip", "w") as archive:
        archive.writestr("archived.py", "VALUE = 1")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((*sys.path, str(project / "archive.zip"))))
    monkeypatch.chdir(project)
    return project


def code_of(reference: str, log: Path, **arguments: str) -> OwnCode:
    """Find the code of a factory in a child process, as a plan does."""
    request = OwnCodeRequest(reference, dict(arguments))
    child = process.call("edgecnn.models.sources.module:find_code", request, log=log)
    return child.read(FoundCode).code


def test_every_file_that_a_network_needs_is_found(folder: Path, tmp_path: Path) -> None:
    found = code_of("python:nets:Net", tmp_path / "log", width="other")
    files = {
        "nets": "nets.py",
        "parts": "parts/__init__.py",
        "parts.blocks": "parts/blocks.py",
        "parts.deep": "parts/deep.py",
        "parts.deeper": "parts/deeper.py",  # a helper of a helper
        "parts.act": "parts/act.py",  # imported when the network runs
        "parts.never": "parts/never.py",  # imported under a condition that nothing has met yet
        "spaces.inside": "spaces/inside.py",  # of a folder without __init__.py
        "spaces.never_too": "spaces/never_too.py",
        "archived": "archive.zip",
        "in_training": "in_training.py",  # imported when the network is trained
        "other": "other.py",  # imported when it is built with these arguments
    }
    assert found.modules == {name: digest_file(folder / file) for name, file in files.items()}
    data = {"nets:data/sizes.json", "nets:forward.txt", "nets:by_path.py"}
    assert found.files == {name: digest_file(folder / name.partition(":")[2]) for name in data}
    wanted = {name: metadata.version(name) for name in ("numpy", "safetensors", "timm", "torch")}
    assert wanted.items() <= found.packages.items(), "also what edgecnn itself has loaded before"
    assert "json" not in found.packages
    assert code_of("python:nets:Net", tmp_path / "log", width="other") == found, "once bytecode is cached"


def test_a_package_that_is_installed_for_editing_is_the_user_s_own(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metadata lie in one folder and its code in another, as pip and uv install it."""
    code, site = folder / "src" / "edited", folder / "site" / "edited-1.0.dist-info"
    code.mkdir(parents=True)
    site.mkdir(parents=True)
    (code / "__init__.py").write_text("from .net import Net")
    (code / "net.py").write_text("from torch import nn\nclass Net(nn.Identity): pass")
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: edited\nVersion: 1.0\n")
    (site / "top_level.txt").write_text("edited\n")
    places = (*sys.path, str(code.parent), str(site.parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    found = code_of("python:edited:Net", tmp_path / "log")
    assert set(found.modules) == {"edited", "edited.net"}
    assert found.packages["edited"] == "1.0", "the package that the user names is there with its version"


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


def test_a_changed_data_file_is_not_taken_for_the_old_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(own_code, "_seen", {})
    code = OwnCode(
        modules={},
        packages={},
        files={"parts.blocks:sizes/a.json": digest_file(folder / "data" / "sizes.json")},
    )
    place = folder / "parts" / "sizes" / "a.json"
    place.parent.mkdir()
    place.write_text("[2]")
    require_unchanged(code, tmp_path)
    assert "parts" not in sys.modules, "a module is not imported to find its folder"
    for change in (lambda: place.write_text("[3]"), place.unlink):
        change()
        with pytest.raises(
            InputError, match=r"the file sizes/a.json beside the module parts.blocks has changed"
        ):
            require_unchanged(code, tmp_path)


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
