"""Stage ``compile``: what a target asks of its compiler."""

from pathlib import Path

import pytest

from edgecnn.backends.registry import compilers
from edgecnn.backends.targets import load_target
from edgecnn.core.config.target import Target
from edgecnn.core.errors import InputError, UsageError
from edgecnn.pipeline.stages.compile import CompileParameters, compile_network, compile_stage, compiled_file
from tests.support import tiny_models as tiny


def test_a_targets_options_reach_its_compiler() -> None:
    parameters = CompileParameters.of(load_target("ethos-u55-128"))
    assert (parameters.format, parameters.compiler) == ("tflite", "vela")
    assert parameters.options["accelerator"] == "ethos-u55-128"
    assert "compiler" not in parameters.options


def test_a_target_without_an_npu_is_refused() -> None:
    with pytest.raises(UsageError, match="'onnx-int8' has no NPU to compile for"):
        CompileParameters.of(load_target("onnx-int8"))


def test_an_unknown_option_is_named() -> None:
    target = load_target("ethos-u55-128")
    document = target.model_dump(exclude_none=True)
    document["compile"]["speed"] = "high"
    with pytest.raises(UsageError, match="compile: unknown key 'speed'"):
        CompileParameters.of(Target.model_validate(document))


def test_the_compiled_file_is_found_by_its_name_for_every_compiler(tmp_path: Path) -> None:
    for name, record in compilers().items():
        folder = tmp_path / name
        folder.mkdir()
        for file in ("npu.json", record.compiled):
            (folder / file).write_bytes(b"")
        assert compiled_file(folder) == folder / record.compiled


def test_a_float_file_is_refused_before_a_toolchain_is_needed(tmp_path: Path) -> None:
    model = tiny.write_tflite(tmp_path / "model.tflite", quantized=False)
    parameters = CompileParameters.of(load_target("ethos-u55-128"))
    with pytest.raises(InputError, match="float"):
        compile_network(
            model, tmp_path / "out.tflite", parameters, log=tmp_path / "log", scratch=tmp_path / "s"
        )


def test_an_unknown_compiler_has_no_stage() -> None:
    with pytest.raises(UsageError, match="velo"):
        compile_stage("velo")
