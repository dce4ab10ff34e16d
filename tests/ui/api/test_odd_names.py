"""Names that no file can have are mistakes of the user in every verb: one error with a hint, no traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import edgecnn
from edgecnn.core.errors import EdgecnnError

if TYPE_CHECKING:
    from collections.abc import Callable

NETWORK = "zoo:mobilenetv2"

NAMES = {
    "longer than 255 bytes": "a" * 300,
    "longer than 4,096 bytes": "a/" * 3000 + "b",
    "with NUL": "a\0b",
    "with a byte that is not UTF-8": "a\udc80b",
    "with half a surrogate pair": "a\ud800b",
    "below a file": "file/b",
    "empty": "",
}

VERBS: dict[str, Callable[[str], object]] = {
    "run": edgecnn.run,
    "run a file": lambda name: edgecnn.run(f"{name}.yaml"),
    "search": edgecnn.search,
    "export a checkpoint": lambda name: edgecnn.export(name, "onnx-fp32"),
    "export an ONNX file": lambda name: edgecnn.export(f"{name}.onnx", "onnx-fp32"),
    "export own code": lambda name: edgecnn.export(f"python:{name}", "onnx-fp32"),
    "export from the zoo": lambda name: edgecnn.export(f"zoo:{name}", "onnx-fp32"),
    "export for a target": lambda name: edgecnn.export(NETWORK, name),
    "export for a target's file": lambda name: edgecnn.export(NETWORK, f"{name}.yaml"),
    "export with data": lambda name: edgecnn.export(NETWORK, "onnx-int8", data=name),
    "export with a CSV file": lambda name: edgecnn.export(NETWORK, "onnx-int8", data=f"{name}.csv"),
    "export with calibration": lambda name: edgecnn.export(NETWORK, "onnx-int8", calibration=name),
    "export with weights": lambda name: edgecnn.export(NETWORK, "onnx-fp32", weights=name),
    "export with code": lambda name: edgecnn.export(NETWORK, "onnx-fp32", network=name),
    "evaluate": lambda name: edgecnn.evaluate(name, "images"),
    "bench": lambda name: edgecnn.bench([name, name]),
    "check": edgecnn.check,
    "compare": lambda name: edgecnn.compare(name, name),
    "matrix": lambda name: edgecnn.matrix(name, ["onnxruntime"]),
    "count": edgecnn.count,
    "accept": edgecnn.accept_baseline,
    "review": edgecnn.review_baseline,
    "inspect": edgecnn.inspect,
    "advise": lambda name: edgecnn.advise(name, "ethos-u55-128"),
    "diagnose": lambda name: edgecnn.diagnose(name, "images"),
    "package": lambda name: edgecnn.package(Path(name), "raspberry-pi"),
    "verify": lambda name: edgecnn.verify(Path(name)),
    "fetch": edgecnn.fetch,
    "fetch from the zoo": lambda name: edgecnn.fetch(f"zoo:{name}"),
    "check a toolchain": edgecnn.check_toolchain,
    "remove a toolchain": edgecnn.remove_toolchain,
}


IN_A_CHILD = ("export own code", "advise")
"""Verbs that import the user's code for each name, which takes seconds."""


@pytest.mark.parametrize(
    "verb", [pytest.param(verb, marks=pytest.mark.slow if verb in IN_A_CHILD else ()) for verb in VERBS]
)
def test_an_odd_name_is_one_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    (tmp_path / "file").write_text("text")
    for what, name in NAMES.items():
        with pytest.raises(EdgecnnError) as found:
            VERBS[verb](name)
        assert found.value.hint, f"{what}: {found.value.message!a} has no hint"
        assert len(found.value.message.splitlines()) == 1, what


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in IN_A_CHILD])
def test_what_is_there_and_has_no_name_in_utf_8_is_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    name = os.fsdecode(b"x\xff")
    (tmp_path / name).mkdir()
    for ending in (".onnx", ".yaml", ".csv"):
        (tmp_path / f"{name}{ending}").write_text("")
    with pytest.raises(EdgecnnError) as found:
        VERBS[verb](name)
    assert found.value.hint
    assert len(found.value.message.splitlines()) == 1
