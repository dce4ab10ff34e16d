"""Text and arrays from outside are parsed by one bounded reader each, and by nothing else."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import edgecnn

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(edgecnn.__file__).parent

READERS = {
    "json.load": "nowhere",
    "json.loads": "ondevice/json_text.py",
    "json.JSONDecoder": "nowhere",
    "model_validate_json": "data/coco_document.py",
    "yaml.parse": "core/config/yaml_events.py",
    "yaml.load": "nowhere",
    "yaml.safe_load": "nowhere",
    "yaml.compose": "nowhere",
    "yaml.load_all": "nowhere",
    "yaml.safe_load_all": "nowhere",
    "ElementTree.parse": "nowhere",
    "ElementTree.fromstring": "nowhere",
    "expat.ParserCreate": "core/xml_text.py",
    "tomllib.load": "nowhere",
    "tomllib.loads": "nowhere",
    "ast.literal_eval": "models/imported/file_names.py",
    "pickle.load": "nowhere",
    "pickle.loads": "nowhere",
    "np.load": "nowhere",
    "np.memmap": "core/array_file.py",
    "np.fromfile": "core/array_file.py",
    "np.loadtxt": "nowhere",
    "np.genfromtxt": "nowhere",
    "csv.reader": "core/csv_rows.py",
    "csv.DictReader": "nowhere",
    "safetensors.numpy.load_file": "core/safetensors_header.py",
    "safetensors.torch.load_file": "models/weights.py",
    "torch.load": "models/weights.py",
    "onnx.ModelProto.FromString": "models/imported/onnx_limits.py",
}
"""The only module that may use each parser. COCO files of hundreds of MB need pydantic's own JSON parser."""


def _used(file: Path) -> Iterator[tuple[str, int]]:
    """Yield every parser that a module names as an attribute or imports, with its line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            names = [ast.unparse(node)]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for used in names:
            yield from ((name, node.lineno) for name in READERS if f".{used}".endswith(f".{name}"))


def test_every_parser_is_used_by_its_own_reader_only() -> None:
    wrong = []
    found = set()
    for file in sorted(ROOT.rglob("*.py")):
        place = file.relative_to(ROOT).as_posix()
        for name, line in _used(file):
            found.add(name)
            if place != READERS[name]:
                wrong.append(f"{place}:{line} uses {name}; only {READERS[name]} may")
    assert not wrong, "\n".join(wrong)
    assert found >= {name for name, place in READERS.items() if place != "nowhere"}


@pytest.mark.parametrize(
    "source",
    [
        "import json\njson.loads('1')",
        "from json import loads",
        "import yaml as y\nimport yaml\nyaml.safe_load('')",
    ],
)
def test_a_parser_that_is_used_elsewhere_is_found(tmp_path: Path, source: str) -> None:
    file = tmp_path / "module.py"
    file.write_text(source)
    assert list(_used(file))
