"""Link 0: the user's ONNX file in ONNX Runtime against the network that was made of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from edgecnn.core import process
from edgecnn.core.documents.link import Link
from edgecnn.core.errors import InputError, VerificationFailed, WorkerError
from edgecnn.data.prepared import PreparedSet
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.content import network_content
from edgecnn.models.imported.operators import OPERATORS
from edgecnn.models.registry import find_source
from edgecnn.models.resolve import resolve_model
from edgecnn.ondevice.contract import Contract
from edgecnn.pipeline.gates import Gate, check_gate
from edgecnn.pipeline.stages.base import Context
from edgecnn.pipeline.stages.imported import ImportedParameters, ImportedRequest, compare, run
from edgecnn.pipeline.stages.verify import RESULT
from tests.support.plans import plan_document

SIDE = 16


def write_file(
    file: Path,
    *,
    slope: float = 0.1,
    batch: int | str = 1,
    outputs: tuple[str, ...] = ("scores",),
    last: str = "",
) -> Path:
    """Write a classifier; files that differ in a setting have operations and tensors of the same names.

    Args:
        file: The file.
        slope: Setting of one of its operations.
        batch: Number of images.
        outputs: Names of its outputs.
        last: An operator of the domain ``my.ops`` behind the scores.
    """
    rng = np.random.default_rng(0)
    constants = [
        numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), name)
        for name, shape in {"kernel": (6, 3, 3, 3), "matrix": (6, 5), "bias": (5,)}.items()
    ]
    nodes = [
        helper.make_node("Conv", ["images", "kernel"], ["mapped"], name="conv", pads=[1] * 4),
        helper.make_node("LeakyRelu", ["mapped"], ["bent"], name="bend", alpha=slope),
        helper.make_node("GlobalAveragePool", ["bent"], ["pooled"], name="pool"),
        helper.make_node("Flatten", ["pooled"], ["row"], name="flatten"),
        helper.make_node("Gemm", ["row", "matrix", "bias"], ["scores"], name="dense"),
        helper.make_node("Sigmoid", ["scores"], ["shares"], name="shares"),
    ]
    if last:
        nodes.append(helper.make_node(last, ["scores"], ["odd"], name="odd", domain="my.ops"))
    entrance = helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, SIDE, SIDE])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 5]) for name in outputs]
    graph = helper.make_graph(nodes, "test", [entrance], ends, constants)
    opset = [helper.make_opsetid("", 13), helper.make_opsetid("my.ops", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), file)
    return file


@pytest.fixture
def images(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 3), dtype=np.uint8)
    labels, names = np.zeros(3, np.int64), ("a", "b", "c")
    PreparedSet.write(
        tmp_path / "set", pixels, labels, classes=(), names=names, contract=Contract(SIDE, SIDE)
    )
    return tmp_path / "set"


def parameters_of(file: Path) -> ImportedParameters:
    return ImportedParameters(str(file), network_content(str(file), {}, pretrained=False, weights=None))


def checkpoint_of(file: Path, folder: Path) -> Path:
    module, spec = resolve_model(str(file))
    save_checkpoint(folder, module, spec)
    return folder


def test_a_file_that_was_read_rightly_holds(images: Path, tmp_path: Path) -> None:
    file = write_file(tmp_path / "net.onnx")
    link = compare(ImportedRequest(str(file), checkpoint_of(file, tmp_path / "checkpoint"), images))
    assert (link.number, link.passed) == (0, True)
    assert link.metrics["sqnr_db"] > 100
    assert link.metrics["images"] == 3 + 4, "the photos and the images of random pixels are compared"
    assert "net.onnx in onnxruntime" in link.compared


def test_the_process_of_link_0_has_a_limit_on_memory(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit below what libraries need stands for a file that asks for more than the usual limit."""
    file = write_file(tmp_path / "net.onnx")
    inputs = {"checkpoint": checkpoint_of(file, tmp_path / "checkpoint"), "images": images}
    monkeypatch.setattr(process, "FOREIGN_BYTES", 1 << 30)
    context = Context(tmp_path, tmp_path, tmp_path / "log", lambda _done, _total, _text: None)
    with pytest.raises(WorkerError, match=r"imported:compare (ran out of memory|failed)"):
        run(inputs, parameters_of(file), context)


def test_a_file_that_changes_after_the_plan_is_refused(images: Path, tmp_path: Path) -> None:
    """The changed file and the network are alike, so that the links alone would not notice it."""
    file = write_file(tmp_path / "net.onnx")
    planned = parameters_of(file)
    write_file(file, slope=0.3)
    inputs = {"checkpoint": checkpoint_of(file, tmp_path / "checkpoint"), "images": images}
    context = Context(tmp_path, tmp_path, tmp_path / "log", lambda _done, _total, _text: None)
    with pytest.raises(InputError, match=r"net\.onnx has changed since this run began"):
        run(inputs, planned, context)


def test_a_file_that_its_runtime_cannot_execute_is_one_error(tmp_path: Path) -> None:
    file = write_file(tmp_path / "net.onnx")
    given = find_source(str(file)).open_file(str(file), resolve_model(str(file))[0], {})
    with pytest.raises(InputError, match=r"net\.onnx cannot be executed by ONNX Runtime: .+"):
        given.run(np.zeros((1, 5, SIDE, SIDE), np.float32))


def test_a_misread_operation_is_named_and_stops_everything(images: Path, tmp_path: Path) -> None:
    """The network of another file, in which one setting differs, stands for a misread one."""
    other = write_file(tmp_path / "other.onnx", slope=0.3)
    checkpoint = checkpoint_of(other, tmp_path / "checkpoint")
    link = compare(ImportedRequest(str(write_file(tmp_path / "net.onnx")), checkpoint, images))
    assert not link.passed
    assert "LeakyRelu bend, tensor bent" in link.cause, "the first operation that differs is named"
    (tmp_path / RESULT).write_text(json.dumps([link.to_json()]), encoding="utf-8")
    with pytest.raises(VerificationFailed, match="link 0") as caught:
        check_gate(Gate.LINKS, tmp_path)
    assert caught.value.exit_code == 4
    assert "--outputs" in str(caught.value.hint)


def _wrong_rule(operator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the importer have a rule that computes an operator a little wrongly."""
    right = OPERATORS[operator]

    class Wrong(nn.Module):
        def __init__(self, inner: nn.Module) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, *values: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.inner(*values) * 1.01
            return found

    wrong = replace(right, make=lambda node: Wrong(right.make(node)))
    monkeypatch.setitem(OPERATORS, operator, wrong)


@pytest.mark.parametrize(
    ("operator", "named"),
    [
        ("LeakyRelu", "LeakyRelu bend, tensor bent"),
        ("GlobalAveragePool", "GlobalAveragePool pool, tensor pooled"),
        ("Flatten", "Flatten flatten, tensor row"),
        ("Sigmoid", "Sigmoid shares, tensor shares"),
    ],
)
def test_a_wrong_rule_of_the_importer_is_found_at_its_first_node(
    operator: str, named: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(tmp_path / "net.onnx", outputs=("scores", "shares"))
    _wrong_rule(operator, monkeypatch)
    link = compare(ImportedRequest(str(file), checkpoint_of(file, tmp_path / "checkpoint"), images))
    assert not link.passed
    assert f"the first operation that differs is {named}" in link.cause
    (tmp_path / RESULT).write_text(json.dumps([link.to_json()]), encoding="utf-8")
    with pytest.raises(VerificationFailed) as caught:
        check_gate(Gate.LINKS, tmp_path)
    assert caught.value.exit_code == 4


def test_every_output_and_an_open_batch_are_compared(images: Path, tmp_path: Path) -> None:
    file = write_file(tmp_path / "net.onnx", batch="N", outputs=("scores", "shares"))
    link = compare(ImportedRequest(str(file), checkpoint_of(file, tmp_path / "checkpoint"), images))
    assert link.passed


def test_a_file_that_its_own_runtime_cannot_execute_is_refused_in_one_line(
    images: Path, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "net.onnx", outputs=("odd",), last="Frobnicate")
    with pytest.raises(InputError, match=r"is Frobnicate of the domain my\.ops") as caught:
        resolve_model(str(file))
    assert "\n" not in caught.value.message
    assert "--outputs" in str(caught.value.hint)
    module, spec = resolve_model(str(file), arguments={"outputs": ["scores"]})
    save_checkpoint(tmp_path / "checkpoint", module, spec)
    link = compare(ImportedRequest(str(file), tmp_path / "checkpoint", images))
    assert link.passed, "cut before the operation, the rest can be executed and compared"


def test_link_0_survives_json(images: Path, tmp_path: Path) -> None:
    file = write_file(tmp_path / "net.onnx")
    link = compare(ImportedRequest(str(file), checkpoint_of(file, tmp_path / "checkpoint"), images))
    assert Link.from_json(json.loads(json.dumps(link.to_json()))) == link


def test_every_step_waits_for_the_import(picture_folder: Path, tmp_path: Path) -> None:
    file = write_file(tmp_path / "net.onnx")
    document = {
        "name": "imported",
        "model": {"name": str(file)},
        "data": {"calibration": {"source": str(picture_folder)}},
        "targets": {"onnx-fp32": {}},
    }
    steps = {step.id: step for step in plan_document(document).steps}
    assert list(steps)[:4] == ["network", "contract", "prepare:import", "imported"]
    assert steps["prepare:import"].parameters.limit == 8, "only a few images are decoded before the proof"
    before = {"network", "contract", "prepare:import", "imported"}
    waiting = {"imported"}
    for name, step in steps.items():
        if waiting & {*step.inputs.values(), *step.after}:
            waiting.add(name)
    assert waiting | before == set(steps), "these steps do not wait: " + ", ".join(
        set(steps) - waiting - before
    )


def test_a_network_of_the_zoo_has_no_link_0(picture_folder: Path) -> None:
    document = {
        "name": "zoo",
        "model": {"name": "zoo:mobilenetv2"},
        "data": {"calibration": {"source": str(picture_folder)}},
        "targets": {"onnx-fp32": {}},
    }
    assert "imported" not in plan_document(document)
