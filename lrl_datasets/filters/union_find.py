"""Which ids belong together, directly or through others: near-duplicate clusters, and the groups of splits."""

from __future__ import annotations

from collections.abc import Iterable


class UnionFind:
    """Disjoint sets of ids (Tarjan 1975, with path compression), each named by its smallest member."""

    def __init__(self, members: Iterable[str]) -> None:
        self._parent = {member: member for member in members}

    def of(self, member: str) -> str:
        """Return the name of a member's set."""
        root = member
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[member] != root:
            self._parent[member], member = root, self._parent[member]
        return root

    def join(self, one: str, other: str) -> None:
        """Make one set of the sets of two members."""
        smallest, largest = sorted((self.of(one), self.of(other)))
        self._parent[largest] = smallest
