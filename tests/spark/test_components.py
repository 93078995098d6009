"""Connected components, compared with networkx on many graphs in one run."""

import random
from collections.abc import Iterable, Iterator

import networkx as nx
import pytest
from pyspark.sql import SparkSession

from imgdedup.relations import components
from imgdedup.relations.components import connected_components
from tests.spark.tables import frame

Edge = tuple[str, str]


def graphs(rng: random.Random) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    yield "pair", [(0, 1)]
    yield "chain", list(nx.path_graph(300).edges)
    yield "star", list(nx.star_graph(200).edges)
    yield "clique", list(nx.complete_graph(20).edges)
    yield "ring", list(nx.cycle_graph(50).edges)
    yield "tree", list(nx.balanced_tree(3, 4).edges)
    yield "bridged cliques", list(nx.barbell_graph(8, 6).edges)
    for number in range(60):
        nodes = rng.randint(2, 40)
        # Around as many edges as join the components of a random graph.
        random_graph = nx.gnm_random_graph(nodes, rng.randint(1, 2 * nodes), seed=number)
        yield f"random {number}", list(random_graph.edges)


def disguised(name: str, edges: list[tuple[int, int]], rng: random.Random) -> Iterator[Edge]:
    """Yield edges between names in a random order; some are turned round, some come twice."""
    nodes = sorted({node for edge in edges for node in edge})
    numbers = dict(zip(nodes, rng.sample(range(1000), len(nodes)), strict=True))
    for a, b in edges:
        edge = (f"{name}/{numbers[a]:03}", f"{name}/{numbers[b]:03}")
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            yield edge if rng.random() < 0.5 else edge[::-1]


def expected(edges: Iterable[Edge]) -> dict[str, str]:
    graph = nx.Graph(list(edges))
    return {node: min(part) for part in nx.connected_components(graph) for node in part}


@pytest.mark.parametrize("small", [0, 1_000_000], ids=["by rounds", "in the driver"])
def test_components_are_those_of_networkx_after_few_rounds(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(components, "_SMALL", small)
    monkeypatch.setattr(components, "_MOST_ROUNDS", 12)
    rng = random.Random(1)
    edges = [edge for name, shape in graphs(rng) for edge in disguised(name, shape, rng)]
    # In order along the chain, where passing labels from neighbour to neighbour takes 999 rounds.
    edges += [(f"long/{a:04}", f"long/{b:04}") for a, b in nx.path_graph(1000).edges]
    rng.shuffle(edges)
    found = connected_components(frame(spark, edges, "left string, right string").repartition(3))
    labels = [(row.node, row.component) for row in found.collect()]
    assert dict(labels) == expected(edges)
    assert len(labels) == len(dict(labels))


@pytest.mark.parametrize("small", [-1, 0], ids=["by rounds", "in the driver"])
def test_no_edges_have_no_components(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(components, "_SMALL", small)
    assert connected_components(frame(spark, [], "left string, right string")).collect() == []
