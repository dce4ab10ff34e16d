import pytest

from edgecnn.core.config.budgets import Budgets
from edgecnn.core.documents.measured import Measured
from edgecnn.core.documents.verdict import Verdict
from edgecnn.proof.budgets import judge


def test_upper_and_lower_limits_bind_from_their_own_side() -> None:
    budgets = Budgets(
        size=400_000, accuracy=0.9, accuracy_drop=0.01, class_floor=0.5, float_ops=0, memory=1_000_000
    )
    good = Measured(
        size=400_000, accuracy=0.9, accuracy_drop=-0.02, class_floor=0.5, float_ops=0, memory=1_000_000
    )
    assert all(result.passed for result in judge(budgets, good))
    bad = Measured(
        size=400_001, accuracy=0.899, accuracy_drop=0.011, class_floor=0.49, float_ops=1, memory=1_000_001
    )
    assert not any(result.passed for result in judge(budgets, bad))


def test_what_was_not_measured_is_missed_and_says_so() -> None:
    (result,) = judge(Budgets(latency_ratio=0.5), Measured())
    assert not result.passed
    assert str(result) == "latency_ratio not measured (at most 0.50)"
    for budgets in (Budgets(latency={"AMD EPYC": 3}), Budgets(instructions={"raspberry-pi-5": 3})):
        (result,) = judge(budgets, Measured())
        assert result.verdict is Verdict.FAIL


def test_a_limit_that_is_not_given_does_not_bind() -> None:
    assert judge(Budgets(), Measured(size=10**12)) == []


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((0.75, 0.79), Verdict.PASS),
        ((0.81, 0.83), Verdict.FAIL),
        ((0.79, 0.82), Verdict.INCONCLUSIVE),
    ],
)
def test_what_noise_explains_is_no_miss(interval: tuple[float, float], verdict: Verdict) -> None:
    (result,) = judge(Budgets(latency_ratio=0.8), Measured(latency_ratio=0.805, latency_interval=interval))
    assert result.verdict is verdict


def test_milliseconds_bind_on_the_cpu_that_they_name() -> None:
    budgets = Budgets.model_validate({"latency": {"Cortex-A76": "2 ms", "AMD EPYC": "3 ms"}})
    here, there = judge(budgets, Measured(latency={"AMD EPYC": 3.5}))
    assert (here.verdict, here.device) == (Verdict.INCONCLUSIVE, "Cortex-A76")
    assert "measured on AMD EPYC, where it does not apply" in str(here)
    assert there.verdict is Verdict.FAIL
    assert str(there) == "latency on AMD EPYC 3.5 ms (at most 3 ms)"


def test_instructions_bind_on_the_device_that_they_name() -> None:
    budgets = Budgets(instructions={"raspberry-pi-4": 100, "raspberry-pi-5": 100})
    results = judge(budgets, Measured(instructions={"raspberry-pi-4": 101, "raspberry-pi-5": 100}))
    assert [result.verdict for result in results] == [Verdict.FAIL, Verdict.PASS]


def test_measured_values_survive_json() -> None:
    measured = Measured(size=1, latency_interval=(0.5, 0.6), latency={"cpu": 1.5}, instructions={"a": 2})
    assert Measured.model_validate(measured.model_dump(mode="json")) == measured


def test_a_metric_that_the_table_does_not_have_is_kept() -> None:
    measured = Measured.model_validate({"size": 1, "of another package": 2})
    assert (measured.value("size"), measured.value("of another package")) == (1, 2)
