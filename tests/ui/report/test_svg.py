from __future__ import annotations

from xml.etree import ElementTree

from edgecnn.ui.report.svg import BLUE, GREY, Canvas

_SVG = "{http://www.w3.org/2000/svg}"


def _drawn() -> ElementTree.Element:
    canvas = Canvas(200, 100, "a < b & c")
    canvas.legend([(BLUE, "one"), (GREY, "two")], step=50)
    canvas.grid([(10.0, "0 %"), (110.04, "50 %")], 20, 90)
    canvas.line([(1, 2), (3.26, 4)], BLUE)
    canvas.mark(5, 6, BLUE, hollow=True, hint="<width> 0.5")
    canvas.bar(7, 8, 9.5, 10, GREY)
    return ElementTree.fromstring(canvas.svg())  # noqa: S314 - we wrote it


def test_a_picture_is_well_formed_and_its_texts_are_escaped() -> None:
    root = _drawn()
    assert root.get("width") == "200"
    assert [text.text for text in root.iter(f"{_SVG}text")] == ["a < b & c", "one", "two", "0 %", "50 %"]
    assert root.findtext(f"{_SVG}circle/{_SVG}title") == "<width> 0.5"


def test_pixels_have_at_most_one_decimal() -> None:
    root = _drawn()
    lines = [line.get("points") for line in root.iter(f"{_SVG}polyline")]
    assert lines == ["10,20 10,90", "110,20 110,90", "1,2 3.3,4"]
    assert [bar.get("width") for bar in root.iter(f"{_SVG}rect")] == ["100%", "10", "10", "9.5"]


def test_a_hollow_mark_is_white_with_a_colored_line() -> None:
    circle = _drawn().find(f"{_SVG}circle")
    assert circle is not None
    assert (circle.get("fill"), circle.get("stroke")) == ("#ffffff", BLUE)
