"""Verdicts from intervals, and the confidence of each of several looks at growing data."""

from __future__ import annotations

from edgecnn.core.documents.verdict import Verdict


def judge_interval(low: float, high: float, limit: float) -> Verdict:
    """Judge an interval by an upper limit: it decides only if it is entirely on one side.

    >>> judge_interval(0.98, 1.01, limit=1.02).value, judge_interval(1.01, 1.03, limit=1.02).value
    ('pass', 'inconclusive')
    """
    if low > limit:
        return Verdict.FAIL
    return Verdict.PASS if high <= limit else Verdict.INCONCLUSIVE


def confidence_at(look: int, confidence: float) -> float:
    """Return the confidence of the interval at one look, given the confidence of all looks together.

    Repeated looks while the result is inconclusive would sooner or later find a false regression if every
    look used the whole error rate. The rate is divided among the looks instead (Lan and DeMets, Discrete
    sequential boundaries for clinical trials, Biometrika 70, 1983): look ``k`` gets the share ``1 / (k (k +
    1))``. Any number of shares adds up to less than one, so the total error stays below the rate, no matter
    how the looks depend on each other and when they stop.

    Args:
        look: Number of the look, from 1.
        confidence: Confidence of all looks together.

    >>> [round(confidence_at(look, 0.95), 4) for look in (1, 2, 3)]
    [0.975, 0.9917, 0.9958]
    """
    return 1.0 - (1.0 - confidence) / (look * (look + 1))
