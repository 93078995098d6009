"""Parts of a graph: what edges connect, and how pairs that must stay apart split that."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

Edge = tuple[str, str]


class _Forest:
    """Disjoint sets of nodes, by union-find with path halving. A set is named by its least node."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def root(self, node: str) -> str:
        parents = self._parents
        while (parent := parents.setdefault(node, node)) != node:
            parents[node] = node = parents[parent]
        return node

    def join(self, one: str, other: str) -> None:
        """Join two roots."""
        least, greater = sorted((one, other))
        self._parents[greater] = least

    def labels(self) -> dict[str, str]:
        return {node: self.root(node) for node in self._parents}


def connected(edges: Iterable[Edge]) -> dict[str, str]:
    """The least node of each node's component."""
    forest = _Forest()
    for left, right in edges:
        forest.join(forest.root(left), forest.root(right))
    return forest.labels()


def split(edges: Sequence[Edge], apart: Iterable[Edge]) -> dict[str, str]:
    """The least node of each node's part: no part holds two nodes that must stay `apart`.

    The `edges` are taken in their order, the strongest first. An edge joins the parts of its nodes,
    unless the two parts hold nodes that must stay apart. So where edges lead from one part to
    another, some pair of `apart` lies between the two.
    """
    forest = _Forest()
    foes: dict[str, set[str]] = defaultdict(set)  # of a part: what must not come into it
    for one, other in apart:
        foes[one].add(other)
        foes[other].add(one)
    for left, right in edges:
        one, other = forest.root(left), forest.root(right)
        if one == other:
            continue
        fewer, rest = sorted((one, other), key=lambda part: len(foes[part]))
        if any(forest.root(foe) == rest for foe in foes[fewer]):
            continue
        forest.join(one, other)
        foes[forest.root(one)] = foes.pop(rest) | foes.pop(fewer)
    nodes = {node for edge in edges for node in edge}
    return {node: part for node, part in forest.labels().items() if node in nodes}
