from xml.etree import ElementTree

from edgecnn.ui.report.npu import npu_markdown, npu_svg
from tests.backends.test_npu_report import layer, report

MADE = report(
    layer("conv <1> & more", 50, compute=10, flash=50), layer("left", 0, on_npu=False), layer("b" * 90, 5)
)


def test_markdown_says_what_was_measured_and_what_it_is_worth() -> None:
    text = npu_markdown(MADE)
    assert (
        "80.0% on the NPU in 1 piece, 1 CPU ops (SELECT), 55 cycles = 1.5 ms, 1 kB SRAM, 2 kB flash" in text
    )
    assert "estimated by the compiler; no silicon was involved (vela 5.2.0)" in text
    assert "1. left (Conv2D): runs on the CPU" in text
    assert text.count("\n|") == 2 + 3, "a row a layer"


def test_the_plot_is_well_formed_with_a_bar_a_layer() -> None:
    root = ElementTree.fromstring(npu_svg(MADE))  # noqa: S314 - our own text
    texts = [item.text or "" for item in root.iter() if item.tag.endswith("text")]
    assert any("conv <1> & more" in text for text in texts)
    assert "CPU" in texts
    assert "no silicon was involved" not in texts
    assert any("estimated by vela 5.2.0" in text for text in texts)
