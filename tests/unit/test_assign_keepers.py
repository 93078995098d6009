"""Keepers of one component, against their definition.

A content is a keeper when none of the better contents it is paired with is one; every other
content goes with the best keeper it is paired with.
"""

import random

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.group import assign_keepers

Edges = dict[tuple[str, str], float]
Ranks = dict[str, tuple[int, str]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Edges, Ranks]:
    """Pairs with their similarity, and a rank for each content; many pixels counts are equal."""
    names = [f"c{number}" for number in range(draw(st.integers(2, 12)))]
    every = [(a, b) for a in names for b in names if a < b]
    chosen = draw(st.lists(st.sampled_from(every), min_size=1, unique=True))
    edges = {pair: draw(st.floats(0.5, 1.0)) for pair in chosen}
    ids = draw(st.permutations(names))
    ranks = {
        name: (-draw(st.integers(0, 3)), image_id)
        for name, image_id in zip(names, ids, strict=True)
    }
    return edges, ranks


def assigned(rows: list[tuple[str, str, float]], ranks: Ranks) -> dict[str, tuple[str, float]]:
    def rank(name: str) -> dict[str, object]:
        return {"pixels": ranks[name][0], "image_id": ranks[name][1]}

    edges = pd.DataFrame(
        [("component", a, b, rank(a), rank(b), similarity) for a, b, similarity in rows],
        columns=["component", "a", "b", "a_rank", "b_rank", "similarity"],
    )
    found = assign_keepers(edges)
    assert list(found.columns) == ["component", "content_id", "keeper_content", "similarity"]
    assert set(found.component) == {"component"}
    assert found.content_id.is_unique
    return {
        row.content_id: (row.keeper_content, row.similarity)
        for row in found.itertuples(index=False)
    }


def as_rows(edges: Edges) -> list[tuple[str, str, float]]:
    return [(a, b, similarity) for (a, b), similarity in edges.items()]


def neighbours(edges: Edges) -> dict[str, dict[str, float]]:
    near: dict[str, dict[str, float]] = {}
    for (a, b), similarity in edges.items():
        near.setdefault(a, {})[b] = similarity
        near.setdefault(b, {})[a] = similarity
    return near


@given(graphs())
def test_every_content_of_a_pair_is_assigned(graph: tuple[Edges, Ranks]) -> None:
    edges, ranks = graph
    assert set(assigned(as_rows(edges), ranks)) == set(neighbours(edges))


@given(graphs())
def test_every_removed_content_has_a_pair_with_its_keeper_as_witness(
    graph: tuple[Edges, Ranks],
) -> None:
    edges, ranks = graph
    found, near = assigned(as_rows(edges), ranks), neighbours(edges)
    for content, (keeper, similarity) in found.items():
        if keeper == content:
            assert pd.isna(similarity)
        else:
            assert found[keeper][0] == keeper
            assert similarity == near[content][keeper]


@given(graphs())
def test_no_two_keepers_are_a_pair(graph: tuple[Edges, Ranks]) -> None:
    edges, ranks = graph
    found = assigned(as_rows(edges), ranks)
    keepers = {content for content, (keeper, _) in found.items() if keeper == content}
    assert keepers
    assert not [pair for pair in edges if keepers.issuperset(pair)]


@given(graphs())
def test_the_keeper_is_the_best_of_the_keepers_a_content_is_paired_with(
    graph: tuple[Edges, Ranks],
) -> None:
    edges, ranks = graph
    found, near = assigned(as_rows(edges), ranks), neighbours(edges)
    keepers = {content for content, (keeper, _) in found.items() if keeper == content}
    for content, (keeper, _) in found.items():
        if content not in keepers:
            assert keeper == min(keepers & near[content].keys(), key=lambda name: ranks[name])


@given(graphs())
def test_a_content_is_removed_only_for_a_better_one(graph: tuple[Edges, Ranks]) -> None:
    edges, ranks = graph
    for content, (keeper, _) in assigned(as_rows(edges), ranks).items():
        assert ranks[keeper] <= ranks[content]


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_and_direction_of_the_pairs_do_not_matter(
    graph: tuple[Edges, Ranks], chance: random.Random
) -> None:
    edges, ranks = graph
    rows = as_rows(edges)
    turned = [(b, a, value) if chance.random() < 0.5 else (a, b, value) for a, b, value in rows]
    chance.shuffle(turned)
    first, second = assigned(rows, ranks), assigned(turned, ranks)
    assert {name: keeper for name, (keeper, _) in first.items()} == {
        name: keeper for name, (keeper, _) in second.items()
    }


def test_a_chain_keeps_both_ends_when_the_middle_is_the_worst() -> None:
    ranks = {"a": (-9, "1"), "b": (-1, "2"), "c": (-5, "3")}
    found = assigned([("a", "b", 0.9), ("b", "c", 0.99)], ranks)
    assert {name: keeper for name, (keeper, _) in found.items()} == {"a": "a", "b": "a", "c": "c"}


def test_the_last_key_of_the_order_decides_between_equals() -> None:
    found = assigned([("a", "b", 0.9)], {"a": (-5, "2"), "b": (-5, "1")})
    assert found["a"] == ("b", 0.9)
