"""The backend on the page about backends is complete: it is installed from the page and exports a network."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from edgecnn.core.store.manifest import Artifact
from tests.conftest import picture
from tests.support.extensions import ROOT, edgecnn, install

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (ROOT / "docs" / "backends.md").read_text(encoding="utf-8")
_FILE = re.compile(r"^```\w+\n# (\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def write_files(folder: Path) -> set[str]:
    """Write every block of the page that begins with the name of a file; return the names."""
    files: dict[str, str] = dict(_FILE.findall(PAGE))
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return set(files)


@pytest.mark.slow
def test_the_backend_of_the_page_exports_a_network(tmp_path: Path) -> None:
    user = tmp_path / "user"
    names = write_files(user)
    assert {"pyproject.toml", "acme_backend/format.py", "acme_backend/runtime.py"} <= names
    (user / "acme_backend" / "__init__.py").touch()
    (user / "photos").mkdir()
    for number in range(12):
        Image.fromarray(picture(number % 3, number, 24, 24)).save(user / "photos" / f"{number}.png")
    installed = install(str(user), tmp_path)
    (line,) = re.findall(r"^edgecnn (export .*acme.*)$", PAGE.replace("\\\n", ""), re.MULTILINE)

    doctor = edgecnn(user, [installed], "doctor")
    assert re.search(r"ok .*acme-backend", doctor.stdout), doctor.stdout
    done = edgecnn(user, [installed], *shlex.split(line), "--out", "exported", "--json")
    assert done.returncode == 0, done.stderr

    (model,) = (user / "exported").rglob("model.acme")
    manifest = Artifact.open(model.parent).manifest
    assert manifest.precision == "fp32"
    assert [(link.number, link.passed) for link in manifest.verification] == [(1, True)]
    assert manifest.tools["acme-backend"] == "0.1"
    assert json.loads(done.stdout)
