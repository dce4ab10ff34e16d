from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config.search import SearchBudgets
from edgecnn.core.documents.run import ErrorReport
from edgecnn.core.documents.search import Ratio, SearchedTarget, SearchResult, SearchTrial, Space
from edgecnn.core.errors import BudgetMissed
from edgecnn.devices.host import host
from edgecnn.ui.report.search import (
    COLUMNS,
    PlotPoint,
    pareto_front,
    pareto_svg,
    search_markdown,
    search_rows,
)


def trial(
    width: float,
    ratio: float | None,
    drop: float | None,
    *,
    in_full: bool = True,
    verdict: str = "not promoted",
) -> SearchTrial:
    latency = None if ratio is None else Ratio(ratio=ratio, low=ratio, high=ratio)
    return SearchTrial(
        width=width,
        height=28,
        quantization="int8",
        rung=2 if in_full else 1,
        epochs=3 if in_full else 1,
        in_full=in_full,
        original=0.9,
        targets={"onnx-int8": SearchedTarget(size_bytes=40_000, latency=latency, drop=drop)},
        meets=False,
        verdict=verdict,
        seconds=1.0,
    )


def result(
    trials: list[SearchTrial],
    winner: SearchTrial | None = None,
    budgets: dict[str, SearchBudgets] | None = None,
) -> SearchResult:
    error = BudgetMissed("no combination meets the budgets")
    return SearchResult(
        name="<mine>",
        directory=Path("searches/mine"),
        finished=winner is not None,
        winner=winner,
        pipeline=None if winner is None else Path("searches/mine/winner.yaml"),
        error=None if winner else ErrorReport.from_json(error.to_json()),
        space=Space(
            budgets=budgets or {"onnx-int8": SearchBudgets(accuracy_drop=0.01, latency_ratio=0.5)},
            widths=(0.25, 0.5, 1.0),
            heights=(28,),
            quantizations=("int8",),
            macs=(1.0,),
            factor=3,
            epochs=(1, 3),
        ),
        combinations=12,
        trials=tuple(trials),
        seconds=12.0,
        host=host(),
    )


def test_every_combination_is_a_row_and_the_winner_is_named() -> None:
    best = trial(0.5, 0.4, 0.004, verdict="meets every budget")
    rows = search_rows(result([best, trial(0.25, 0.2, None)], best))
    assert [len(row) for row in rows] == [len(COLUMNS)] * 2
    assert rows[0] == ("0.5", "28", "100%", "int8", "onnx-int8", "3", "+0.40", "0.400", "40 kB", "winner")
    assert rows[1][COLUMNS.index("drop")] == ""


def test_a_combination_that_cannot_be_made_is_a_row_too() -> None:
    broken = trial(0.5, None, None, verdict="cannot be made: no such width").model_copy(
        update={"targets": {}}
    )
    (row,) = search_rows(result([broken]))
    assert row[-1] == "cannot be made: no such width"
    assert row[COLUMNS.index("size")] == "", "no size was measured"


def test_markdown_says_what_was_asked_and_found() -> None:
    best = trial(0.5, 0.4, 0.004)
    text = search_markdown(result([best], best))
    assert "onnx-int8: accuracy_drop 0.01, latency_ratio 0.5" in text
    assert "searches/mine/winner.yaml" in text
    assert "No winner: no combination meets the budgets" in search_markdown(result([best]))
    assert "search again to go on" in search_markdown(result([best]))


def test_the_plot_has_a_mark_for_each_trained_combination() -> None:
    best = trial(0.5, 0.4, 0.004)
    trials = [best, trial(0.25, 0.2, 0.03, in_full=False), trial(1.0, 0.9, None)]
    root = ElementTree.fromstring(pareto_svg(result(trials, best)))  # noqa: S314 - our own
    marks = [item for item in root.iter() if item.tag.endswith("circle")]
    assert len(marks) == 2
    assert [mark.get("fill") == "#ffffff" for mark in marks] == [False, True], "hollow is trained in part"


def test_the_plot_shows_sizes_where_no_target_has_a_latency() -> None:
    budgets = {"ethos-u55-128": SearchBudgets(accuracy_drop=0.01)}
    assert "size, largest target" in pareto_svg(result([trial(0.5, None, 0.0)], budgets=budgets))


def test_a_search_without_trials_has_a_plot_and_a_table() -> None:
    ElementTree.fromstring(pareto_svg(result([])))  # noqa: S314 - our own
    assert "0 of 12" in search_markdown(result([]))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_the_front_is_what_no_other_point_beats(values: list[tuple[int, int]]) -> None:
    points = [PlotPoint(cost, drop, in_full=True, wins=False, name="") for cost, drop in values]
    front = {(point.cost, point.drop) for point in pareto_front(points)}
    unbeaten = {
        (cost, drop)
        for cost, drop in values
        if not any(other != (cost, drop) and other[0] <= cost and other[1] <= drop for other in values)
    }
    assert front == unbeaten
