"""Parts of random graphs, against networkx and a plain search over all sets."""

from itertools import combinations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.relations.parts import Edge, connected, split

Graph = tuple[list[Edge], set[Edge]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Edges in an order, and pairs that must stay apart; a pair may be both."""
    names = [f"c{number:02}" for number in range(draw(st.integers(2, 14)))]
    every = list(combinations(names, 2))
    edges = draw(st.lists(st.sampled_from(every), unique=True, min_size=1, max_size=30))
    return edges, draw(st.sets(st.sampled_from(every), max_size=8))


def by_sets(edges: list[Edge], apart: set[Edge]) -> set[frozenset[str]]:
    """The parts, by sets that are compared content by content."""
    parts = {frozenset([node]) for edge in edges for node in edge}
    for edge in edges:
        one, other = (next(part for part in parts if node in part) for node in edge)
        if not any({*pair} <= one | other for pair in apart):
            parts = parts - {one, other} | {one | other}
    return parts


def sets_of(labels: dict[str, str]) -> set[frozenset[str]]:
    return {
        frozenset(node for node, label in labels.items() if label == name)
        for name in labels.values()
    }


@given(graphs())
def test_parts_are_those_of_a_plain_search(graph: Graph) -> None:
    edges, apart = graph
    labels = split(edges, apart)
    assert sets_of(labels) == by_sets(edges, apart)
    assert all(name == min(part) for part in sets_of(labels) for name in [labels[min(part)]])


@given(graphs())
def test_no_part_holds_two_that_must_stay_apart_and_its_edges_connect_it(graph: Graph) -> None:
    edges, apart = graph
    for part in sets_of(split(edges, apart)):
        assert not [pair for pair in apart if part.issuperset(pair)]
        inside = nx.Graph([edge for edge in edges if part.issuperset(edge)])
        inside.add_nodes_from(part)
        assert nx.is_connected(inside)


@given(graphs())
def test_an_edge_between_two_parts_meets_a_pair_that_must_stay_apart(graph: Graph) -> None:
    edges, apart = graph
    labels = split(edges, apart)
    between = {frozenset(labels.get(node) for node in pair) for pair in apart}
    for left, right in edges:
        if labels[left] != labels[right]:
            assert frozenset((labels[left], labels[right])) in between


@given(graphs())
def test_without_pairs_apart_the_parts_are_the_components(graph: Graph) -> None:
    edges, _ = graph
    expected = {frozenset(part) for part in nx.connected_components(nx.Graph(edges))}
    assert sets_of(split(edges, [])) == sets_of(connected(edges)) == expected
