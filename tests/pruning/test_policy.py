from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.documents.pruning import SensitivityCurve, SensitivityCurves
from edgecnn.core.errors import UsageError
from edgecnn.pruning.curves import LEAST
from edgecnn.pruning.policy import Policy, choices, nearest
from edgecnn.pruning.sensitivity import SHARES

SCORES = {"a": torch.arange(32.0) / 16, "b": torch.arange(64.0).flip(0) / 320}
CURVES = SensitivityCurves(
    metric="top1",
    images=10,
    whole=0.9,
    groups=(
        SensitivityCurve(
            name="a", layers=("a",), channels=32, shares=SHARES, accuracy=(0.88, 0.80, 0.50, 0.30)
        ),
        SensitivityCurve(
            name="b", layers=("b",), channels=64, shares=SHARES, accuracy=(0.90, 0.91, 0.89, 0.70)
        ),
    ),
)


@pytest.mark.parametrize("scope", ["global", "local", "sensitivity"])
@given(strength=st.floats(0, 1), harder=st.floats(0, 1), multiple=st.sampled_from([1, 4, 8]))
def test_a_harder_policy_never_keeps_more(scope: str, strength: float, harder: float, multiple: int) -> None:
    policy = Policy(scope, multiple, SCORES, CURVES)  # type: ignore[arg-type]
    gentle, hard = (policy.kept(value) for value in sorted((strength, harder)))
    for name, scores in SCORES.items():
        assert hard[name] <= gentle[name]
        assert gentle[name] in choices(len(scores), multiple)
        assert hard[name] >= max(multiple, LEAST * len(scores))


@pytest.mark.parametrize("scope", ["global", "local", "sensitivity"])
def test_the_ends_are_nothing_and_everything(scope: str) -> None:
    policy = Policy(scope, 8, SCORES, CURVES)  # type: ignore[arg-type]
    assert policy.kept(0.0) == {"a": 32, "b": 64}
    assert policy.kept(1.0) == {"a": 8, "b": 8}


def test_global_compares_groups_and_local_does_not() -> None:
    kept = Policy("global", 1, SCORES).kept(0.5)
    assert sum(kept.values()) == pytest.approx(48, abs=2)
    assert kept["a"] > 24, "its channels are worth more than most of b's"
    assert Policy("local", 1, SCORES).kept(0.5) == {"a": 16, "b": 32}


def test_sensitive_groups_keep_more() -> None:
    kept = Policy("sensitivity", 1, SCORES, CURVES).kept(0.02)
    assert kept["a"] == 24, "a quarter costs two points"
    assert kept["b"] < 16, "three quarters cost one"


def test_the_least_worthy_channels_go() -> None:
    policy = Policy("local", 8, SCORES)
    assert policy.removed({"a": 24, "b": 56}) == {"a": list(range(8)), "b": list(range(56, 64))}


def test_multiples_that_leave_nothing_to_prune_are_refused() -> None:
    with pytest.raises(UsageError, match="in steps of 64 channels: the widest has 64"):
        Policy("local", 64, SCORES)


@given(st.integers(1, 300), st.integers(1, 40), st.floats(0, 300))
def test_a_width_is_one_of_the_choices(channels: int, multiple: int, wanted: float) -> None:
    widths = choices(channels, multiple)
    assert widths == sorted(set(widths))
    assert widths[-1] == channels
    assert all(width % multiple == 0 for width in widths[:-1])
    assert nearest(wanted, widths) in widths
