import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.config.search import SearchBudgets
from edgecnn.core.documents.search import Combination, Outcome, Ratio, TargetOutcome
from edgecnn.pipeline.search.outcome import (
    cost,
    excess,
    is_over_budget,
    judge_accuracy,
    judge_costs,
    meets,
)

BUDGETS = {"onnx-int8": SearchBudgets(accuracy_drop=0.01, latency_ratio=0.5, size=500_000)}


def outcome(
    *,
    accuracy: float | None = 0.895,
    ratio: tuple[float, float, float] = (0.4, 0.39, 0.41),
    size: int = 100_000,
    missed: tuple[str, ...] = (),
) -> Outcome:
    middle, low, high = ratio
    latency = Ratio(ratio=middle, low=low, high=high)
    target = TargetOutcome(size=size, latency=latency, accuracy=accuracy, missed=missed)
    return Outcome(targets={"onnx-int8": target}, original=0.9)


def test_budgets_that_are_met_are_met() -> None:
    assert meets(outcome(), BUDGETS)
    assert meets(outcome(accuracy=0.89), BUDGETS), "0.9 - 0.89 is exactly 1 %"


@pytest.mark.parametrize(
    "missing",
    [
        outcome(accuracy=0.8899),
        outcome(accuracy=None),
        outcome(ratio=(0.6, 0.59, 0.61)),
        outcome(ratio=(0.495, 0.48, 0.51)),
        outcome(size=500_001),
        outcome(missed=("float_ops 3 (at most 0)",)),
    ],
    ids=["accuracy", "no accuracy", "latency", "unclear latency", "size", "a budget of the pipeline"],
)
def test_a_winner_meets_every_budget_beyond_doubt(missing: Outcome) -> None:
    assert not meets(missing, BUDGETS)


def test_what_cannot_be_made_or_was_not_measured_meets_nothing() -> None:
    assert not meets(Outcome(failed="no such width"), BUDGETS)
    assert not meets(Outcome(original=0.9), BUDGETS)
    assert excess(Outcome(failed="no such width"), []) == math.inf


def test_a_latency_that_noise_may_explain_is_no_reason_not_to_train() -> None:
    whole = Combination(width=1.0, height=28, quantization="fp32")
    assert not is_over_budget(whole, outcome(ratio=(0.505, 0.49, 0.52)), BUDGETS)
    assert is_over_budget(whole, outcome(ratio=(0.55, 0.51, 0.6)), BUDGETS)


def test_the_estimate_of_a_pruned_network_may_be_a_little_over() -> None:
    pruned = Combination(width=1.0, height=28, quantization="fp32", macs=0.3)
    assert not is_over_budget(pruned, outcome(ratio=(0.55, 0.54, 0.56), size=560_000), BUDGETS)
    assert is_over_budget(pruned, outcome(ratio=(0.6, 0.59, 0.61)), BUDGETS)
    assert is_over_budget(pruned, outcome(size=580_000), BUDGETS)
    assert not is_over_budget(pruned, Outcome(failed="no such width"), BUDGETS), "nothing is known of it"


def test_the_excess_is_a_share_of_each_limit() -> None:
    found = outcome(accuracy=0.88, size=1_000_000)
    results = judge_costs(found, BUDGETS) + judge_accuracy(found, BUDGETS)
    assert excess(found, results) == pytest.approx(1.0 + 1.0)


def test_cost_is_the_geometric_mean_of_the_ratios_and_then_the_bytes() -> None:
    targets = {
        name: TargetOutcome(size=size, latency=Ratio(ratio=ratio, low=ratio, high=ratio))
        for name, ratio, size in (("a", 0.2, 10), ("b", 0.8, 20))
    }
    mean, size = cost(Outcome(targets=targets))
    assert mean == pytest.approx(0.4)
    assert size == 30


@given(
    st.floats(min_value=0, max_value=1),
    st.floats(min_value=1e-6, max_value=1e6),
    st.integers(min_value=1, max_value=10**12),
    st.text(),
)
def test_an_outcome_survives_being_stored(accuracy: float, ratio: float, size: int, note: str) -> None:
    found = outcome(accuracy=accuracy, ratio=(ratio, ratio, ratio), size=size, missed=(note,))
    assert Outcome.from_json(found.to_json()) == found
