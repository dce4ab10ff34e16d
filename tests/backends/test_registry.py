"""The records of backends are complete, and everything that depends on a name is derived from them."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import edgecnn
from edgecnn.backends.formats import load_format
from edgecnn.backends.kernels import ANY_ISA, kernels_of
from edgecnn.backends.records import CompilerRecord, RuntimeRecord
from edgecnn.backends.registry import (
    compilers,
    find_compiler,
    find_format,
    find_runtime,
    formats,
    load,
    problems,
    runtimes,
)
from edgecnn.backends.terms import Precision
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core.config.base import Schema
from edgecnn.core.config.target import Target
from edgecnn.core.config.toolchain import load_toolchain
from edgecnn.core.errors import UsageError
from edgecnn.ondevice.runner import INSTALL, RUNNERS
from edgecnn.packaging.select_artifact import PLATFORMS
from edgecnn.pipeline.keys import extras
from edgecnn.pipeline.stages.benchmark import benchmark_stage
from edgecnn.pipeline.stages.compile import compile_stage
from edgecnn.pipeline.stages.evaluate import evaluate_stage
from edgecnn.pipeline.stages.lower import lower_stage
from edgecnn.pipeline.stages.quantize import inspect_stage, quantize_stage
from edgecnn.pipeline.stages.verify import verify_stage

ROOT = Path(edgecnn.__file__).parent

ALLOWED = {
    "backends/": "the vendors' own folders",
    "ondevice/runner.py": "it is copied to devices without the records; a test below holds it equal to them",
    "packaging/android/": "the library's Java code calls LiteRT and nothing else",
    "models/": "an ONNX file as the source of a network, which is no target's format",
}


@pytest.mark.parametrize("name", formats())
def test_every_format_has_its_stages_its_kernels_and_its_class(name: str) -> None:
    record = find_format(name)
    for make in (lower_stage, quantize_stage, inspect_stage):
        stage = make(name)
        assert stage.version > 0, stage
        assert stage.packages, stage
    for isa in (ANY_ISA, *ISAS):
        assert kernels_of(name, isa).weights
    assert load_format(name)
    assert find_runtime(record.runtime).format == name, "what executes its float files takes its files"
    assert record.suffix.startswith(".")
    assert {"fp32", "int8"} <= set(record.precisions)


@pytest.mark.parametrize("name", runtimes())
def test_every_runtime_has_its_stages_and_its_class(name: str) -> None:
    record = find_runtime(name)
    assert verify_stage(name).packages
    evaluated = evaluate_stage(name)
    assert evaluated.packages + evaluated.toolchains
    if record.simulates:
        with pytest.raises(UsageError, match="its speed says nothing"):
            benchmark_stage(name)
    else:
        assert benchmark_stage(name).packages
    assert record.format in formats()
    assert _defines(record.load), record.load
    assert set(record.ships) <= set(PLATFORMS)


@pytest.mark.parametrize("name", compilers())
def test_every_compiler_has_its_stage_its_options_and_its_class(name: str) -> None:
    record = find_compiler(name)
    assert compile_stage(name).toolchains == (record.toolchain,)
    assert issubclass(load(record.options, record.origin), Schema)
    assert callable(load(record.load, record.origin))
    assert _defines(record.float_parts), record.float_parts
    assert record.format in formats()


def test_a_toolchain_holds_the_package_that_its_record_names() -> None:
    records: list[RuntimeRecord | CompilerRecord] = [*runtimes().values(), *compilers().values()]
    for record in records:
        if record.toolchain is not None:
            assert load_toolchain(record.toolchain).package == record.distribution, record.name


def test_an_extra_installs_what_its_stages_need() -> None:
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    installed = {
        extra: {re.split(r"[<>=\[; ]", need)[0] for need in needs}
        for extra, needs in project["optional-dependencies"].items()
    }
    for package, extra in extras().items():
        assert package in installed[extra], f"extra {extra} does not install {package}"
    for record in runtimes().values():
        if record.extra:
            assert record.distribution in installed[record.extra], record.name


def test_devices_execute_what_packages_ship() -> None:
    ships = {name: record for name, record in runtimes().items() if record.ships}
    assert set(RUNNERS) == set(INSTALL) == set(ships)
    for name, record in ships.items():
        assert record.distribution in INSTALL[name].split(), name
        assert all(need in INSTALL[name] for need in record.beside), name


def test_a_target_can_ask_for_every_precision_that_a_format_may_have() -> None:
    assert get_args(Target.model_fields["precision"].annotation) == get_args(Precision)


def test_no_two_packages_prefer_formats_alike() -> None:
    ranks = [record.package_rank for record in formats().values() if record.package_rank is not None]
    assert len(ranks) == len(set(ranks))


def test_names_of_formats_runtimes_and_compilers_stand_in_their_vendors_folders_only() -> None:
    suffixes = {record.suffix for record in formats().values()}
    names = {*formats(), *runtimes(), *compilers(), *suffixes}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}"
        for path in sorted(ROOT.rglob("*.py"))
        if not path.relative_to(ROOT).as_posix().startswith(tuple(ALLOWED))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert not found, "ask the record instead of the name:\n" + "\n".join(found)


def test_the_shared_modules_of_backends_name_no_vendor() -> None:
    names = {*formats(), *runtimes(), *compilers()}
    for path in sorted((ROOT / "backends").glob("*.py")) + sorted(
        (ROOT / "backends" / "worker").glob("*.py")
    ):
        constants = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
        assert not [node.value for node in constants if node.value in names], path.name


def test_records_are_read_without_any_vendors_library_and_without_numpy() -> None:
    code = (
        "import json, sys; from edgecnn.backends.registry import formats, runtimes, compilers\n"
        "formats(), runtimes(), compilers(); print(json.dumps([*sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    heavy = {"numpy", "pydantic", "torch", "onnx", "onnxruntime", "openvino", "ai_edge_litert"}
    assert not heavy & set(json.loads(done.stdout))


def test_nothing_that_is_installed_here_is_broken() -> None:
    assert not problems()


def test_an_unknown_name_has_the_nearest_as_its_hint() -> None:
    with pytest.raises(UsageError, match="no runtime is called 'onnxrt'; there are onnxruntime") as caught:
        find_runtime("onnxrt")
    assert caught.value.hint == "did you mean 'onnxruntime'?"


def _defines(location: str) -> bool:
    """Return whether a module defines the name in a record, without executing the module."""
    module, _, attribute = location.partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None, location
    assert spec.origin is not None, location
    body = ast.parse(Path(spec.origin).read_text()).body
    return any(getattr(node, "name", None) == attribute for node in body)
