"""Disjoint sets, against the slow truth."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lrl_datasets.filters.union_find import UnionFind


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4), max_size=8))
def test_closure_is_the_transitive_one(links: list[list[str]]) -> None:
    sets = UnionFind("abcdefgh")
    for link in links:
        for other in link:
            sets.join(link[0], other)
    reachable = {x: {x} for x in "abcdefgh"}
    for _ in range(8):  # the slow truth: grow until nothing changes
        for link in links:
            merged = set().union(*(reachable[x] for x in link))
            for x in merged:
                reachable[x] |= merged
    assert {x: sets.of(x) for x in "abcdefgh"} == {x: min(reachable[x]) for x in "abcdefgh"}
