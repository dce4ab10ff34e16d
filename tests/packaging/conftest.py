"""Packages of the tiny network, built once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.documents.package import PackageResult
from tests.support.tiny_run import task_metrics, write_artifact

METRICS = task_metrics(fp32=0.91, data="fashion-mnist:test")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the tiny network with an int8 TFLite and a float ONNX file."""
    run = tmp_path_factory.mktemp("run")
    for target in ("tflite-int8", "onnx-fp32"):
        write_artifact(run / "artifacts" / target, target, metrics=METRICS)
    return run


@pytest.fixture(scope="session")
def raspberry(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    """The run's TFLite file as a package for Raspberry Pi."""
    return _build(tiny_run, tmp_path_factory, "tflite-int8")


@pytest.fixture(scope="session")
def raspberry_onnx(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    """The run's ONNX file as a package for Raspberry Pi."""
    return _build(tiny_run, tmp_path_factory, "onnx-fp32")


def _build(run: Path, factory: pytest.TempPathFactory, target: str) -> PackageResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(factory.mktemp("home")))
        out = factory.mktemp("out")
        result: PackageResult = edgecnn.package(run, "raspberry-pi", target=target, out=out)
        return result
