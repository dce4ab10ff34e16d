import numpy as np
import pytest

from edgecnn.backends.dissection import Grid
from edgecnn.proof.diagnosis.accumulators import Span
from edgecnn.proof.diagnosis.layer_statistics import channel_facts, range_facts, weight_facts

WEIGHTS = np.random.default_rng(0).normal(size=(8, 4, 3, 3)).astype(np.float32)


def _grid(low: float, high: float) -> Grid:
    return Grid(np.array(low, np.float32), np.array(high, np.float32), 256)


def rounded(weights: np.ndarray) -> np.ndarray:
    scale = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / 127
    return np.asarray(np.rint(weights / scale) * scale, np.float32)


def test_rounded_weights_are_not_changed_weights() -> None:
    facts = weight_facts(WEIGHTS, rounded(WEIGHTS))
    assert facts is not None
    assert facts.changed == ()
    assert facts.sqnr_db > 30
    assert facts.outlier_ratio < 3


@pytest.mark.parametrize("factor", [100.0, 0.01, -1.0, 0.0])
def test_a_changed_channel_is_named_with_its_factor(factor: float) -> None:
    changed = rounded(WEIGHTS)
    changed[3] *= factor
    facts = weight_facts(WEIGHTS, changed)
    assert facts is not None
    assert facts.changed == (3,)
    assert facts.gain == pytest.approx(factor, rel=0.01)


def test_a_channel_of_zeros_stays_one() -> None:
    weights = WEIGHTS.copy()
    weights[0] = 0
    facts = weight_facts(weights, weights)
    assert facts is not None
    assert facts.changed == ()
    assert np.isfinite([facts.gain, facts.outlier_ratio]).all()


def test_weights_of_other_shapes_are_not_compared() -> None:
    assert weight_facts(WEIGHTS, WEIGHTS[:4]) is None
    assert weight_facts(None, WEIGHTS) is None


def test_a_range_beside_what_is_there() -> None:
    span = Span(axis=1)
    span.add(np.linspace(0, 10, 1000, dtype=np.float32).reshape(1, 1, -1), _grid(0, 1))
    cut = range_facts(_grid(0, 1), span)
    assert cut is not None
    assert cut.clipped == pytest.approx(0.9, abs=0.01)
    assert cut.unused == 0.0
    wide = range_facts(_grid(-100, 100), span)
    assert wide is not None
    assert wide.excess == pytest.approx(20)
    assert wide.unused == pytest.approx(0.95)
    assert range_facts(None, span) is None


def test_a_tensor_that_is_dead_throughout() -> None:
    span = Span(axis=1)
    span.add(np.zeros((1, 3, 2, 2), np.float32), None)
    facts = channel_facts(span)
    assert facts is not None
    assert facts.dead == (0, 1, 2)
    assert facts.widest_ratio == 1.0
