"""What can be known before work starts is said before work starts, all of it, and without torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from edgecnn.backends.targets import load_target
from edgecnn.core.documents.listing import Finding
from edgecnn.core.errors import EdgecnnError, InputError, MachineFault, UsageError, together
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.resolve import resolve_model
from edgecnn.pipeline import preflight
from edgecnn.pipeline.doctor import look_around
from edgecnn.pipeline.loading import export_pipeline
from edgecnn.pipeline.preflight import check_before_work, missing_for

_EXPORT = """
import json, sys
from pathlib import Path
import edgecnn
from edgecnn.core.errors import EdgecnnError
arguments = json.loads(sys.argv[1])
try:
    edgecnn.export(**arguments, out=Path("out"))
except EdgecnnError as error:
    heavy = sorted({"torch", "onnx", "onnxruntime", "openvino", "numpy.random"} & set(sys.modules))
    print(json.dumps([type(error).__name__, error.message, heavy]))
"""


def export(home: Path, **arguments: str) -> tuple[str, str, list[str]]:
    """Export in a process of its own; return the kind of error, the message, and the heavy modules."""
    finished = subprocess.run(
        [sys.executable, "-c", _EXPORT, json.dumps(arguments)],
        env={**os.environ, "EDGECNN_HOME": str(home / "home")},
        cwd=home,
        capture_output=True,
        text=True,
        check=True,
    )
    kind, message, heavy = json.loads(finished.stdout)
    return kind, message, heavy


def test_everything_that_is_wrong_is_said_at_once_before_torch_is_imported(tmp_path: Path) -> None:
    kind, message, heavy = export(
        tmp_path,
        model="zoo:mobilenetv9",
        target="ethos-u55-128",
        calibration="no/such/folder",
        data="labels.csv",
    )
    lines = message.splitlines()
    wanted = ("mobilenetv9", "no/such/folder", "labels.csv", "toolchain 'vela' is not installed")
    for part in wanted:
        assert any(part in line for line in lines), f"nothing is said of {part}: {message}"
    assert "torch" not in heavy, f"{heavy} were imported although nothing could be done"
    assert kind == "UsageError", "the first problem decides the exit code"


def test_one_problem_keeps_its_kind_and_hint(picture_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    file.write_bytes(b"not looked at yet")
    kind, message, heavy = export(
        tmp_path, model=str(file), target="qualcomm-htp", calibration=str(picture_folder)
    )
    assert kind == "MissingDependency"
    assert message == "toolchain 'qnn' is not installed"
    assert not heavy


def test_weights_that_are_not_beside_an_onnx_file_are_found_before_the_work(
    picture_folder: Path, tmp_path: Path
) -> None:
    tensor = numpy_helper.from_array(np.ones(1, np.float32), "one")
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 1]) for name in ("x", "y")]
    node = helper.make_node("Add", ["x", "one"], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [tensor])
    model = helper.make_model(graph)
    onnx.save(model, tmp_path / "net.onnx", save_as_external_data=True, location="w", size_threshold=0)
    (tmp_path / "w").unlink()
    kind, message, heavy = export(
        tmp_path, model="net.onnx", target="onnx-fp32", calibration=str(picture_folder)
    )
    assert kind == "InputError"
    assert message.endswith("keeps the weights 'one' in another file: there is no file 'w' beside the model")
    assert not heavy


def test_another_number_of_classes_is_found_before_the_work(picture_folder: Path, tmp_path: Path) -> None:
    module, spec = resolve_model("zoo:mobilenetv2", classes=("a", "b"))
    save_checkpoint(tmp_path / "two", module, spec)
    for model, classes in (
        ("zoo:mobilenetv2", 1000),
        ("zoo:ssdlite320-mobilenetv3-large", 90),
        (str(tmp_path / "two"), 2),
    ):
        kind, message, heavy = export(tmp_path, model=model, target="onnx-fp32", data=str(picture_folder))
        assert message == f"the dataset has 3 classes, the network has {classes}"
        assert kind == "InputError"
        assert not heavy


def test_a_full_disk_is_found_before_the_work(
    picture_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit above any disk stands for a disk that is nearly full."""
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    monkeypatch.setattr(preflight, "LEAST_FREE_BYTES", 10**18)
    pipeline = export_pipeline(
        "torchvision:resnet18", "onnx-fp32", calibration=str(picture_folder), data=None, weights=None,
        images=None, outputs=(), family=None, overrides=(), network=None,
    )  # fmt: skip
    with pytest.raises(MachineFault, match=r"of free space, and a run needs 1e\+09 GB") as caught:
        check_before_work(pipeline)
    assert "EDGECNN_HOME" in str(caught.value.hint)


def test_a_target_without_its_toolchain_is_not_ok_for_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path))
    rows: dict[str, Finding] = {finding.what: finding for finding in look_around()}
    assert not rows["target ethos-u55-128"].ok
    assert "edgecnn toolchain install vela" in rows["target ethos-u55-128"].remedy
    assert rows["target onnx-int8"].ok, rows["target onnx-int8"]
    assert [error.message for error in missing_for(load_target("ethos-u55-128"))]


@pytest.mark.parametrize(
    ("errors", "kind", "message"),
    [
        ([UsageError("a", hint="b")], UsageError, "a"),
        ([InputError("a", hint="b"), UsageError("c")], InputError, "a; b\nc"),
        ([InputError("a"), InputError("a")], InputError, "a"),
    ],
)
def test_several_errors_become_one_with_a_line_each(
    errors: list[EdgecnnError], kind: type[EdgecnnError], message: str
) -> None:
    found = together(errors)
    assert (type(found), found.message) == (kind, message)
