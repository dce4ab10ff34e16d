"""The paired latency test: its statistics on synthetic rounds, and the whole of it on real workers."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest

from edgecnn.core.documents.verdict import Verdict
from edgecnn.core.errors import UsageError, WorkerError
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.session import Session
from edgecnn.proof.latency.bootstrap import trimmed_mean, trimmed_mean_interval
from edgecnn.proof.latency.latency_test import Effort, compare_latency, look_at, measure_latency
from edgecnn.proof.latency.measurement import pinned_cpus
from edgecnn.proof.verdict import confidence_at
from tests.support import tiny_models as tiny

LIMIT = 1.02


def rounds(ratio: float, count: int, random: np.random.Generator) -> np.ndarray:
    """Log ratios as a busy machine makes them: 5 % of noise, and one round in eight hit on one side."""
    values = math.log(ratio) + random.normal(0, 0.05, count)
    hit = random.random(count) < 0.125
    return np.asarray(values + hit * random.choice([-1, 1], count) * random.exponential(0.4, count))


def sequential(ratio: float, seed: int) -> Verdict:
    """Look at 128, 192, 320, 512 and 768 rounds, as processes are added, until there is a verdict."""
    random = np.random.default_rng(seed)
    values = np.empty(0)
    verdict = Verdict.INCONCLUSIVE
    for look, count in enumerate((128, 192, 320, 512, 768), start=1):
        values = np.concatenate([values, rounds(ratio, count - len(values), random)])
        _, _, verdict = look_at(values, look, LIMIT, Effort(seed=seed))
        if verdict is not Verdict.INCONCLUSIVE:
            break
    return verdict


def share(ratio: float, verdict: Verdict, trials: int) -> float:
    return sum(sequential(ratio, seed) is verdict for seed in range(trials)) / trials


def test_a_model_is_no_regression_of_itself_and_five_percent_are_found() -> None:
    assert share(1.0, Verdict.FAIL, 40) == 0
    assert share(1.0, Verdict.PASS, 40) >= 0.9
    assert share(1.05, Verdict.FAIL, 40) >= 0.95
    assert share(1.10, Verdict.FAIL, 10) == 1


def test_looking_again_does_not_inflate_the_false_alarms() -> None:
    """At the limit itself every alarm is false: ten looks together may make 2.5 % of them."""
    trials = 4000
    random = np.random.default_rng(1)
    sums = np.cumsum(random.normal(0, 1, (trials, 10, 64)).sum(axis=2), axis=1)
    scores = sums / np.sqrt(64 * np.arange(1, 11))
    bounds = [NormalDist().inv_cdf(0.5 + confidence_at(look, 0.95) / 2) for look in range(1, 11)]
    alarms = (scores > np.array(bounds)).any(axis=1).mean()
    naive = (scores > NormalDist().inv_cdf(0.975)).any(axis=1).mean()
    assert alarms <= 0.025 + 3 * math.sqrt(0.025 / trials), f"{alarms:.1%} false alarms at the limit"
    assert naive > 0.05, "ten looks at 95 % each would have passed this test too"


def test_the_looks_spend_no_more_than_the_whole_rate() -> None:
    spent = sum(1 - confidence_at(look, 0.95) for look in range(1, 1000))
    assert 0.0499 < spent < 0.05


def test_the_interval_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    trials = 100
    hits = 0
    for seed in range(trials):
        low, high = trimmed_mean_interval(rounds(1.0, 64, random), 0.9, seed=seed)
        hits += low <= 0 <= high
    assert 0.8 <= hits / trials <= 0.97, f"a 90 % interval covered in {hits} of {trials} trials"


def test_outliers_do_not_move_the_trimmed_mean() -> None:
    values = np.random.default_rng(0).normal(0, 0.01, 100)
    hit = values.copy()
    hit[:15] += 5.0
    assert trimmed_mean(hit) == pytest.approx(trimmed_mean(values), abs=0.01)


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0.0}, {"processes": 0}, {"turn_ms": -1.0}, {"confidence": 1.0}]
)
def test_an_effort_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="cannot measure"):
        Effort(**wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_onnx(tmp_path_factory.mktemp("model") / "tiny.onnx")


def open_session(model: Path, log: Path) -> Session:
    return LocalDevice().open("onnxruntime", model, log=log, cpus=pinned_cpus(1))


def test_real_workers_are_compared_and_measured(model: Path, tmp_path: Path) -> None:
    effort = Effort(seconds=2, processes=2, turn_ms=2)
    log = tmp_path / "log"
    pair = compare_latency(
        lambda: open_session(model, log), lambda: open_session(model, log), limit=1.5, effort=effort
    )
    assert 0 < pair.low <= pair.ratio <= pair.high
    assert pair.verdict is Verdict.PASS, f"a model is {pair.ratio:.2f} times as slow as itself"
    assert pair.processes >= 2
    assert pair.rounds >= 16
    for side in (pair.candidate, pair.baseline):
        assert 0 < side.min_ns <= side.p50_ns <= side.p90_ns <= side.p99_ns
        assert side.p50_ns <= side.wall_p50_ns
        assert side.first_ns > 0
        assert side.load_ns > 0
        assert side.peak_bytes > 10 << 20
    assert pair.host.isa
    assert pair.to_json()["candidate"]["iterations"] == pair.candidate.iterations
    alone = measure_latency(lambda: open_session(model, log), effort=Effort(seconds=0.2, processes=1))
    assert alone.p50_ns > 0


def test_waiting_for_the_cpu_is_taken_off(model: Path, tmp_path: Path) -> None:
    """Two workers on one CPU, one of them busy throughout: half of the wall time is the machine's."""
    log = tmp_path / "log"
    with open_session(model, log) as measured, open_session(model, log) as busy:
        quiet = np.median(measured.time(200, warmup=50).own_ns)
        busy._channel._questions.write(b'{"command": "time", "request": {"iterations": 2000000}}\n')
        busy._channel._questions.flush()
        times = measured.time(20_000)
        busy.kill()
    waited = times.waited_ns.sum() / times.wall_ns.sum()
    assert waited > 0.2, f"only {waited:.0%} of the time was counted as waiting"
    assert np.median(times.own_ns) < 2 * quiet


def test_a_worker_that_dies_in_the_middle_is_named(model: Path, tmp_path: Path) -> None:
    def dying() -> Session:
        session = open_session(model, tmp_path / "log")
        session._channel._process.kill()
        return session

    with pytest.raises(WorkerError, match=r"onnxruntime running tiny\.onnx"):
        compare_latency(lambda: open_session(model, tmp_path / "log"), dying, limit=1.02)
