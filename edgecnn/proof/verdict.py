"""Verdicts from intervals, and how sure each of several looks at growing data must be."""

from __future__ import annotations

from edgecnn.core.documents.verdict import Verdict


def judge_interval(low: float, high: float, limit: float) -> Verdict:
    """Hold an interval to an upper limit: it decides only where it lies wholly on one side.

    >>> judge_interval(0.98, 1.01, limit=1.02).value, judge_interval(1.01, 1.03, limit=1.02).value
    ('pass', 'inconclusive')
    """
    if low > limit:
        return Verdict.FAIL
    return Verdict.PASS if high <= limit else Verdict.INCONCLUSIVE


def confidence_at(look: int, confidence: float) -> float:
    """Return the confidence that the interval at one look must have, for that of all looks together.

    Looking again while inconclusive would find a false regression sooner or later if every look took the
    whole error rate. It is spent over the looks instead (Lan and DeMets, Discrete sequential boundaries for
    clinical trials, Biometrika 70, 1983), look ``k`` having the share ``1 / (k (k + 1))``: the shares of
    however many looks add up to less than one, so the union of all errors stays below the rate, whatever the
    looks have in common and whenever one stops.

    Args:
        look: Number of the look, from 1.
        confidence: Of all looks together.

    >>> [round(confidence_at(look, 0.95), 4) for look in (1, 2, 3)]
    [0.975, 0.9917, 0.9958]
    """
    return 1.0 - (1.0 - confidence) / (look * (look + 1))
