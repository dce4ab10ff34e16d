"""Tests of the reports on a diagnosis: the table, the change, the chart and the files."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import yaml

from edgecnn.ui.report.diagnosis import (
    COLUMNS,
    diagnosis_markdown,
    diagnosis_svg,
    layer_rows,
    snippet,
    whole_line,
    write_diagnosis,
)
from tests.support.diagnoses import CHANNELS, diagnosis, layer, replace


def test_the_report_shows_every_layer_and_what_could_not_be_measured() -> None:
    dead = replace(CHANNELS, dead=tuple(range(30)))
    odd = layer("<odd & long name that goes on and on and on>", module=None, problem="no kernel", position=1)
    found = diagnosis(layer("a", channels=dead), odd)
    text = diagnosis_markdown(found)
    assert "not measured: no kernel" in text
    assert "| features.a | 30 | 0, 1, 2" in text
    assert len(layer_rows(found, 1)) == 1
    drawing = ElementTree.fromstring(diagnosis_svg(found))  # noqa: S314 - our own document
    shown = "".join(drawing.itertext())
    assert "features.a" in shown
    assert "not measured" in shown


def test_a_detector_has_no_class_to_agree_on() -> None:
    found = diagnosis(layer("a", agreement=None, top1_drop=None))
    assert "agreement 90.0 %" in whole_line(found)
    found = replace(found, whole=replace(found.whole, agreement=None))
    assert whole_line(found).startswith("30 images: 12.0 dB in shipping, ")
    assert "%" not in whole_line(found)
    assert layer_rows(found)[0][4] == "-"


def test_the_change_is_that_of_the_first_layer_that_has_one() -> None:
    fix = {"quantize": {"ranges": "search"}}
    found = diagnosis(layer("a"), layer("b", fix=fix))
    change = snippet(found)
    assert change is not None
    assert yaml.safe_load(change) == {"targets": {"onnx-int8": fix}}
    assert f"```yaml\n{change}```" in diagnosis_markdown(found)
    assert yaml.safe_load(snippet(replace(found, target=None)) or "") == {"targets": {"onnx-int8": fix}}
    assert snippet(diagnosis(layer("a"))) is None


def test_the_three_files_say_the_same(tmp_path: Path) -> None:
    found = diagnosis(layer("a", cause="its range clips"), layer("b"))
    write_diagnosis(found, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "diagnosis.json",
        "diagnosis.md",
        "diagnosis.svg",
    ]
    document = json.loads((tmp_path / "diagnosis.json").read_text())
    assert [item["name"] for item in document["layers"]] == ["a", "b"]
    text = (tmp_path / "diagnosis.md").read_text()
    assert f"| {' | '.join(COLUMNS)} |" in text
    assert "| its range clips |" in text
    assert "## Dead channels" not in text
    assert (tmp_path / "diagnosis.svg").read_text() == diagnosis_svg(found)
