from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgecnn.data.sampling import stratified


@given(
    labels=st.lists(st.integers(-1, 6), max_size=80).map(lambda labels: np.array(labels, np.int64)),
    count=st.integers(1, 100),
    seed=st.integers(0, 5),
)
def test_chooses_evenly_over_the_classes(labels: np.ndarray, count: int, seed: int) -> None:
    chosen = stratified(labels, count, seed)
    assert len(chosen) == min(count, len(labels))
    assert (np.diff(chosen) > 0).all(), "ascending, none twice"
    taken = {int(label): int((labels[chosen] == label).sum()) for label in np.unique(labels)}
    most = max(taken.values(), default=0)
    for label, number in taken.items():
        exhausted = number == (labels == label).sum()
        assert exhausted or number >= most - 1, f"class {label} got {number}, another got {most}"


def test_the_choice_is_the_same_everywhere_and_follows_the_seed() -> None:
    labels = np.arange(1000) % 10
    assert stratified(labels, 10, seed=0).tolist() == [62, 405, 498, 689, 721, 856, 890, 897, 904, 913]
    assert stratified(labels, 10, seed=0).tolist() != stratified(labels, 10, seed=1).tolist()


def test_a_larger_choice_contains_the_smaller() -> None:
    labels = np.arange(200) % 7
    assert set(stratified(labels, 20, 3)) < set(stratified(labels, 50, 3))
