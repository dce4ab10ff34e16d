import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgecnn.core.documents.advice import Advice, Change, CompiledChange, NpuFigures, TriedChange
from edgecnn.core.documents.arguments import from_plain, to_plain
from edgecnn.core.documents.npu import NpuReport
from edgecnn.pipeline.advice.change import Facts, VariantRequest, propose
from edgecnn.ui.report.advice import advice_lines, advice_markdown
from tests.backends.test_npu_report import layer, report

PLAIN = Facts({"ReLU6": 9}, 96, 96, ragged=0, convolutions=9, even_arguments=None)


def with_cost(made: NpuReport, *, cycles: int, sram: int = 1000) -> NpuReport:
    return made.model_copy(update={"cycles": cycles, "sram_bytes": sram})


BEFORE = with_cost(report(layer("a", 50), layer("left", 0, on_npu=False)), cycles=50)


def test_nothing_is_proposed_for_a_network_that_fits() -> None:
    assert propose(BEFORE, PLAIN, sram_limit=1000) == []


def test_smooth_activations_are_replaced_by_the_two_that_are_cheap() -> None:
    facts = replace(PLAIN, modules={"SiLU": 4, "GELU": 1, "Hardswish": 2})
    hard_swish, relu6 = propose(BEFORE, facts, None)
    assert hard_swish.activations == {"SiLU": "Hardswish", "GELU": "Hardswish"}
    assert relu6.activations == dict.fromkeys(("SiLU", "GELU", "Hardswish"), "ReLU6")


def test_an_input_is_shrunk_until_it_fits_the_memory() -> None:
    over = with_cost(BEFORE, cycles=50, sram=4000)
    sizes = [change.size for change in propose(over, replace(PLAIN, height=192, width=96), 1900)]
    assert sizes == [(128, 64), (64, 32)]
    assert propose(over, PLAIN, None) == [], "nobody said how much memory there is"


def test_a_resize_is_changed_only_where_it_fell_off_the_npu() -> None:
    facts = replace(PLAIN, modules={"Upsample": 1})
    assert propose(BEFORE, facts, None) == []
    left = BEFORE.model_copy(update={"cpu_operators": ("RESIZE_BILINEAR",)})
    modes = [change.resize for change in propose(left, facts, None)]
    assert modes == ["nearest", "bilinear"]


def test_channels_are_rounded_where_the_builder_can() -> None:
    facts = replace(PLAIN, ragged=3, even_arguments={"width": 1.1})
    (change,) = propose(BEFORE, facts, None)
    assert change.arguments == {"width": 1.1}
    assert "3 of 9 convolutions" in change.why


def test_changes_cross_to_a_child_process_as_they_are(tmp_path: Path) -> None:
    change = Change(
        name="a",
        why="b",
        activations={"SiLU": "ReLU6"},
        resize="bilinear",
        arguments={"width": 2},
        size=(32, 64),
    )
    request = VariantRequest("zoo:resnet18", {"width": 1}, "vela", tmp_path, (change,))
    assert from_plain(VariantRequest, json.loads(json.dumps(to_plain(request)))) == request


@pytest.mark.parametrize(
    ("after", "limit", "helps"),
    [
        (with_cost(BEFORE, cycles=49), None, True),
        (with_cost(BEFORE, cycles=51), None, False),
        (with_cost(report(layer("a", 99)), cycles=99), None, True),
        (with_cost(BEFORE, cycles=60, sram=500), 900, True),
        (with_cost(BEFORE, cycles=40, sram=950), 900, True),
        (with_cost(BEFORE, cycles=40, sram=2000), 1500, False),
    ],
)
def test_what_helps(after: NpuReport, limit: int | None, helps: bool) -> None:
    assert NpuFigures.of(BEFORE).improved_by(NpuFigures.of(after), limit) is helps


def test_readers_learn_what_was_not_compiled() -> None:
    figures = NpuFigures.of(BEFORE)
    advice = Advice(
        model="net",
        target="npu",
        compiler=BEFORE.compiler,
        version=BEFORE.version,
        before=figures,
        trials=(
            TriedChange(change=Change(name="x", why="y"), reason="no such form"),
            CompiledChange(change=Change(name="z", why="w"), **dict(figures)),
        ),
        remarks=(),
        sram_limit=None,
    )
    text = advice_markdown(advice)
    assert "not compiled: no such form" in text
    assert "no silicon was involved (vela 5.2.0)" in text
    assert advice_lines(advice) == [
        "nothing that was tried makes it cheaper: only fewer channels or a smaller input would"
    ]
