"""Groups that are merged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgecnn.core.union_find import UnionFind

NAMES = "abcdefgh"


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES))))
def test_groups_are_those_that_merging_sets_would_give(pairs: list[tuple[str, str]]) -> None:
    groups, sets = UnionFind(), {name: {name} for name in NAMES}
    for one, other in pairs:
        kept = groups.find(one)
        groups.merge(one, other)
        assert groups.find(other) == kept, "what stood for the first group stands for both"
        both = sets[one] | sets[other]
        sets |= dict.fromkeys(both, both)
    for one in NAMES:
        assert {other for other in NAMES if groups.find(other) == groups.find(one)} == sets[one]
