"""Keepers of one component, against their definition.

A content is a keeper unless it is paired with a better keeper. Every other content goes with the
best keeper that it is paired with.
"""

import random
from collections.abc import Iterable, Sequence

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from imgdedup.relations.assignment import assign_keepers

Edges = set[tuple[str, str]]
Ranks = dict[str, tuple[int, str]]
Judged = tuple[Edges, Ranks, Edges, dict[tuple[str, str], tuple[str | None, float | None]]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Edges, Ranks]:
    """Pairs of contents, and a rank for each content; many pixel counts are equal."""
    names = [f"c{number}" for number in range(draw(st.integers(2, 12)))]
    every = [(a, b) for a in names for b in names if a < b]
    edges = draw(st.sets(st.sampled_from(every), min_size=1))
    ids = draw(st.permutations(names))
    ranks = {
        name: (-draw(st.integers(0, 3)), image_id)
        for name, image_id in zip(names, ids, strict=True)
    }
    return edges, ranks


def assigned(edges: Iterable[tuple[str, str]], ranks: Ranks) -> dict[str, str]:
    """The keeper of every content."""

    def rank(name: str) -> dict[str, object]:
        return {"pixels": ranks[name][0], "image_id": ranks[name][1]}

    table = pd.DataFrame(
        [("component", a, b, rank(a), rank(b), False) for a, b in edges],
        columns=["component", "left", "right", "left_rank", "right_rank", "apart"],
    )
    found = assign_keepers(table)
    assert list(found.columns) == ["component", "content_id", "keeper_content"]
    assert set(found.component) == {"component"}
    assert found.content_id.is_unique
    return dict(zip(found.content_id, found.keeper_content, strict=True))


def neighbours(edges: Edges) -> dict[str, set[str]]:
    near: dict[str, set[str]] = {}
    for a, b in edges:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    return near


@given(graphs())
def test_every_content_of_a_pair_is_assigned(graph: tuple[Edges, Ranks]) -> None:
    edges, ranks = graph
    assert set(assigned(edges, ranks)) == set(neighbours(edges))


@given(graphs())
def test_every_removed_content_has_a_pair_with_its_keeper_as_witness(
    graph: tuple[Edges, Ranks],
) -> None:
    edges, ranks = graph
    found, near = assigned(edges, ranks), neighbours(edges)
    for content, keeper in found.items():
        if keeper != content:
            assert found[keeper] == keeper
            assert keeper in near[content]


@given(graphs())
def test_no_two_keepers_are_a_pair(graph: tuple[Edges, Ranks]) -> None:
    edges, ranks = graph
    found = assigned(edges, ranks)
    keepers = {content for content, keeper in found.items() if keeper == content}
    assert keepers
    assert not [pair for pair in edges if keepers.issuperset(pair)]


@given(graphs())
def test_the_keeper_is_the_best_of_the_keepers_a_content_is_paired_with(
    graph: tuple[Edges, Ranks],
) -> None:
    edges, ranks = graph
    found, near = assigned(edges, ranks), neighbours(edges)
    keepers = {content for content, keeper in found.items() if keeper == content}
    for content, keeper in found.items():
        if content not in keepers:
            assert keeper == min(keepers & near[content], key=lambda name: ranks[name])


@given(graphs())
def test_a_content_is_removed_only_for_a_better_one(graph: tuple[Edges, Ranks]) -> None:
    edges, ranks = graph
    for content, keeper in assigned(edges, ranks).items():
        assert ranks[keeper] <= ranks[content]


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_and_direction_of_the_pairs_do_not_matter(
    graph: tuple[Edges, Ranks], chance: random.Random
) -> None:
    edges, ranks = graph
    rows = [(b, a) if chance.random() < 0.5 else (a, b) for a, b in sorted(edges)]
    chance.shuffle(rows)
    assert assigned(edges, ranks) == assigned(rows, ranks)


def test_a_chain_keeps_both_ends_when_the_middle_is_the_worst() -> None:
    ranks = {"a": (-9, "1"), "b": (-1, "2"), "c": (-5, "3")}
    assert assigned([("a", "b"), ("b", "c")], ranks) == {"a": "a", "b": "a", "c": "c"}


def test_the_last_key_of_the_order_decides_between_equals() -> None:
    assert assigned([("a", "b")], {"a": (-5, "2"), "b": (-5, "1")})["a"] == "b"


@st.composite
def judged(draw: st.DrawFn) -> Judged:
    """A graph, pairs that people call different, and the evidence of each pair."""
    edges, ranks = draw(graphs())
    # People who call a pair different leave no pair.
    every = [(a, b) for a in ranks for b in ranks if a < b and (a, b) not in edges]
    apart = draw(st.sets(st.sampled_from(every), max_size=4)) if every else set()
    strength = st.tuples(st.sampled_from(["same", None]), st.sampled_from([None, 0.5, 0.9]))
    return edges, ranks, apart, {edge: draw(strength) for edge in sorted(edges)}


@given(judged(), st.randoms(use_true_random=False))
def test_a_split_group_keeps_its_witnesses_within_its_parts(
    graph: Judged, chance: random.Random
) -> None:
    edges, ranks, apart, evidence = graph
    rows = [(a, b, *evidence[a, b], False) for a, b in sorted(edges)]
    rows += [(a, b, None, None, True) for a, b in sorted(apart)]
    found = split_groups(rows, ranks)
    keepers = {content for content, (_, keeper) in found.items() if keeper == content}
    for content, (part, keeper) in found.items():
        assert found[keeper] == (part, keeper)
        assert content == keeper or (min(content, keeper), max(content, keeper)) in edges
    for left, right in edges:
        if found[left][0] == found[right][0]:
            assert not {left, right} <= keepers
    assert not [pair for pair in apart if in_one_part(found, *pair)]
    chance.shuffle(rows)
    assert split_groups(rows, ranks) == found


def split_groups(rows: Sequence[tuple[object, ...]], ranks: Ranks) -> dict[str, tuple[str, str]]:
    """The part and the keeper of each content."""
    named = ["left", "right", "review", "correlation", "apart"]
    table = pd.DataFrame(rows, columns=named).astype({"apart": bool})
    table["inliers"], table["overlap"], table["component"] = 40, 1.0, "component"
    for side in ("left", "right"):
        table[f"{side}_rank"] = [
            {"pixels": ranks[name][0], "image_id": ranks[name][1]} for name in table[side]
        ]
    found = assign_keepers(table)
    parts = zip(found.component, found.keeper_content, strict=True)
    return dict(zip(found.content_id, parts, strict=True))


def in_one_part(found: dict[str, tuple[str, str]], left: str, right: str) -> bool:
    return left in found and right in found and found[left][0] == found[right][0]


def test_what_people_call_the_same_joins_first_then_the_strongest_evidence() -> None:
    ranks = {name: (0, name) for name in "abc"}
    weak, strong, said = (
        ("a", "b", None, 0.5, False),
        ("b", "c", None, 0.9, False),
        ("a", "b", "same", None, False),
    )
    apart = ("a", "c", None, None, True)
    assert split_groups([weak, strong, apart], ranks)["b"] == ("b", "b")
    assert split_groups([said, strong, apart], ranks)["b"] == ("a", "a")
