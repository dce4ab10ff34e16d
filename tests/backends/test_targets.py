"""Targets: the names of formats, runtimes and compilers are those that backends bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.targets import compile_options, load_target, runtime_options
from edgecnn.core.config.target import CompileConfig
from edgecnn.core.errors import UsageError

TARGET = """description: mine
format: onnx
precision: int8
runtime: onnxruntime
"""
NPU = """compile:
  compiler: vela
  accelerator: ethos-u55-128
  system_config: Ethos_U55_High_End_Embedded
  memory_mode: Shared_Sram
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("was", "now", "message", "hint"),
    [
        ("format: onnx", "format: onx", "mine.yaml:2: format: no format is called 'onx'", "'onnx'"),
        ("onnxruntime", "onnxruntme", "mine.yaml:4: runtime: no runtime is called", "'onnxruntime'"),
        ("compiler: vela", "compiler: velo", "mine.yaml:6: compile.compiler: no compiler is", "'vela'"),
        ("ethos-u55-128", "ethos-u99", "mine.yaml:7: compile.accelerator: 'ethos-u99' is not one of", None),
        ("  memory_mode:", "  optimize: Size\n  memory_mode:", "mine.yaml:9: unknown key", "'optimise'"),
        ("  memory_mode: Shared_Sram\n", "", "mine.yaml:5: key 'compile.memory_mode' is missing", None),
    ],
)
def test_an_unknown_name_has_its_line_and_the_nearest_name(
    folder: Path, was: str, now: str, message: str, hint: str | None
) -> None:
    (folder / "mine.yaml").write_text((TARGET + NPU).replace(was, now))
    with pytest.raises(UsageError) as caught:
        load_target("mine.yaml")
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message
    assert hint is None or caught.value.hint == f"did you mean {hint}?"


def test_an_unknown_reference_runtime_is_named(folder: Path) -> None:
    (folder / "mine.yaml").write_text(TARGET + "reference_runtime: litter\n")
    with pytest.raises(UsageError, match=r"mine\.yaml:5: reference_runtime: no runtime is called 'litter'"):
        load_target("mine.yaml")


def test_a_compiler_gets_every_option_with_its_default(folder: Path) -> None:
    (folder / "mine.yaml").write_text(TARGET + NPU)
    target = load_target("mine.yaml")
    assert compile_options(target) == {
        "accelerator": "ethos-u55-128",
        "system_config": "Ethos_U55_High_End_Embedded",
        "memory_mode": "Shared_Sram",
        "optimise": "Performance",
    }
    assert runtime_options(target) == {}, "the runtime does not compile"


def test_a_simulator_is_told_the_chip_and_nothing_that_its_schema_does_not_have() -> None:
    target = load_target("qualcomm-htp")
    assert runtime_options(target) == {"soc": "sm8650"}
    forged = CompileConfig.model_validate({"compiler": "qnn", "soc": "sm8650", "context": "any/file"})
    with pytest.raises(UsageError, match=r"target 'qualcomm-htp': compile: unknown key 'context'"):
        runtime_options(target.model_copy(update={"compile": forged}))


def test_a_target_without_an_npu_is_compiled_by_none() -> None:
    with pytest.raises(UsageError, match="target 'onnx-int8' has no NPU"):
        compile_options(load_target("onnx-int8"))
