from edgecnn.config.budgets import Budgets
from edgecnn.measure.budgets import Measured, judge


def test_upper_and_lower_limits_bind_from_their_own_side() -> None:
    budgets = Budgets(size="400 kB", accuracy=0.9, accuracy_drop="1 %", latency_ratio=0.8, float_ops=0)
    good = Measured(size=400_000, accuracy=0.9, accuracy_drop=-0.02, latency_ratio=0.8, float_ops=0)
    assert all(result.passed for result in judge(budgets, good))
    bad = Measured(size=400_001, accuracy=0.899, accuracy_drop=0.011, latency_ratio=0.81, float_ops=1)
    assert not any(result.passed for result in judge(budgets, bad))


def test_what_was_not_measured_is_missed_and_says_so() -> None:
    (result,) = judge(Budgets(latency_ratio=0.5), Measured())
    assert not result.passed
    assert str(result) == "latency_ratio not measured (at most 0.50)"


def test_a_limit_that_is_not_given_does_not_bind() -> None:
    assert judge(Budgets(), Measured(size=10**12)) == []
