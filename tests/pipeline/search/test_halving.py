import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config.search import SearchBudgets
from edgecnn.core.documents.search import Combination, Outcome, Ratio, Space, TargetOutcome
from edgecnn.pipeline.search.halving import COSTS, Halving, Known, Wanted
from edgecnn.pipeline.search.outcome import cost, meets

TARGET = "onnx-int8"
WIDTHS = (0.25, 0.5, 0.75, 1.0)
HEIGHTS = (20, 24, 28)


def space(
    epochs: tuple[int, ...] = (1, 3),
    *,
    accuracy_drop: float = 0.01,
    latency_ratio: float = 0.5,
    size: int | None = None,
) -> Space:
    limits = SearchBudgets(accuracy_drop=accuracy_drop, latency_ratio=latency_ratio, size=size)
    return Space(
        budgets={TARGET: limits},
        widths=WIDTHS,
        heights=HEIGHTS,
        quantizations=("fp32", "int8"),
        macs=(1.0,),
        factor=3,
        epochs=epochs,
    )


def ratio_of(item: Combination) -> float:
    """Return a latency that grows with everything, int8 taking two thirds."""
    scale = (item.width or 1.0) * ((item.height or 28) / 28) ** 2
    return scale * (1.0 if item.quantization == "fp32" else 0.66)


def accuracy_of(item: Combination, share: float) -> float:
    """Return an accuracy that grows with size and training; int8 loses a little."""
    size = math.pow(item.width or 1.0, 0.3) * math.sqrt((item.height or 28) / 28)
    return 0.9 - 0.05 * (1 - size) - 0.05 * (1 - share) - (0.002 if item.quantization == "int8" else 0.0)


def first(count: int) -> int:
    """Take the first of so many."""
    return 0


@dataclass
class MadeUpBench:
    """Measures by formula; takes what is wanted in any order, as several processes do."""

    space: Space
    pick: Callable[[int], int] = first
    accuracy: Callable[[Combination, float], float] = accuracy_of
    known: dict[int, dict[Combination, Outcome]] = field(default_factory=dict)

    def complete(self, rung: int, wanted: Wanted) -> Known:
        known = self.known.setdefault(rung, {})
        while ahead := wanted(known):
            item = ahead[self.pick(len(ahead))]
            known[item] = self._measure(item, rung)
        return known

    def _measure(self, item: Combination, rung: int) -> Outcome:
        ratio = ratio_of(item)
        latency = Ratio(ratio=ratio, low=0.99 * ratio, high=1.01 * ratio)
        size = round(100_000 * (item.width or 1.0))
        if rung == COSTS:
            return Outcome(targets={TARGET: TargetOutcome(size=size, latency=latency)})
        share = self.space.epochs[rung - 1] / self.space.epochs[-1]
        full = Combination(width=1.0, height=28, quantization="fp32")
        measured = TargetOutcome(size=size, latency=latency, accuracy=self.accuracy(item, share))
        return Outcome(targets={TARGET: measured}, original=self.accuracy(full, share))


def winner(bench: MadeUpBench) -> Combination | None:
    Halving(bench.space, bench).run()
    last = len(bench.space.epochs)
    met = [item for item, found in bench.known.get(last, {}).items() if meets(found, bench.space.budgets)]
    return min(met, key=lambda item: (cost(bench.known[COSTS][item]), item.order), default=None)


def cheapest(bench: MadeUpBench) -> Combination | None:
    """Return the winner by measuring everything in full."""
    last = len(bench.space.epochs)
    everything = {item: bench._measure(item, last) for item in bench.space.combinations()}
    met = [item for item, found in everything.items() if meets(found, bench.space.budgets)]
    return min(met, key=lambda item: (cost(everything[item]), item.order), default=None)


@pytest.mark.parametrize("epochs", [(3,), (1, 3), (1, 3, 9)])
@pytest.mark.parametrize("drop", [0.006, 0.01, 0.03])
def test_the_cheapest_combination_that_meets_the_budgets_wins(epochs: tuple[int, ...], drop: float) -> None:
    bench = MadeUpBench(space(epochs, accuracy_drop=drop))
    assert winner(bench) == cheapest(bench) is not None


def test_what_misses_size_or_latency_is_never_trained() -> None:
    bench = MadeUpBench(space(latency_ratio=0.4, size=60_000))
    winner(bench)
    trained = [item for rung in (1, 2) for item in bench.known[rung]]
    assert trained
    assert all(ratio_of(item) * 0.99 <= 0.4 and (item.width or 1.0) <= 0.6 for item in trained)


def test_what_is_larger_than_one_over_its_budget_is_not_even_measured() -> None:
    bench = MadeUpBench(space(latency_ratio=0.1))
    winner(bench)
    assert Combination(width=1.0, height=28, quantization="fp32") not in bench.known[COSTS]


def test_a_part_of_the_combinations_is_trained_in_full() -> None:
    bench = MadeUpBench(space(latency_ratio=1.0, accuracy_drop=0.02))
    assert winner(bench) == cheapest(bench)
    assert len(bench.known[2]) <= len(bench.known[1]) / 3, "one in three at most is trained in full"


def test_where_the_promoted_miss_the_budget_the_next_best_are_tried() -> None:
    def deceiving(item: Combination, share: float) -> float:
        """Make the small ones look perfect after a short training."""
        return accuracy_of(item, share) if share == 1.0 else 0.9

    bench = MadeUpBench(space(accuracy_drop=0.006), accuracy=deceiving)
    assert winner(bench) == cheapest(bench) is not None


def test_where_nothing_can_meet_the_budgets_the_search_ends_soon() -> None:
    bench = MadeUpBench(space(accuracy_drop=0.001))
    assert winner(bench) is None
    assert len(bench.known[2]) < len(bench.known[1]), "what is smaller than one that failed is not trained"


def test_where_nothing_is_affordable_nothing_is_trained() -> None:
    bench = MadeUpBench(space(latency_ratio=0.01))
    assert winner(bench) is None
    assert list(bench.known) == [COSTS]


@given(order=st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=50))
def test_the_order_in_which_processes_work_does_not_change_the_winner(order: list[int]) -> None:
    turns = iter(order * 100)
    bench = MadeUpBench(space(), pick=lambda count: next(turns) % count)
    assert winner(bench) == winner(MadeUpBench(space()))


@given(stop=st.integers(min_value=0, max_value=40))
def test_a_search_that_was_stopped_finds_the_same_winner(stop: int) -> None:
    class Stopped(Exception):
        pass

    left = iter(range(stop))

    def pick(count: int) -> int:
        if next(left, None) is None:
            raise Stopped
        return 0

    bench = MadeUpBench(space(), pick=pick)
    try:
        winner(bench)
    except Stopped:
        bench.pick = first
    assert winner(bench) == winner(MadeUpBench(space()))
