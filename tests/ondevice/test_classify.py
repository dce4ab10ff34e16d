from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgecnn.ondevice.classify import softmax, top_k


@given(
    arrays.arrays(np.float32, st.integers(1, 20), elements=st.floats(-1024.0, 1024.0, width=32)),
    st.integers(1, 25),
)
def test_best_first_and_probabilities_add_up(logits: np.ndarray, k: int) -> None:
    labels = [str(index) for index in range(len(logits))]
    found = top_k(logits, labels, k)
    assert len(found) == min(k, len(logits))
    values = [logits[item.index] for item in found]
    assert values == sorted(values, reverse=True)
    assert abs(softmax(logits).sum() - 1.0) < 1e-9
    assert found[0].index == int(logits.argmax()), "of equal ones the first"
