"""Connected components of a graph, of any size.

A graph that fits the driver is settled there. A larger one by alternating large-star and
small-star: Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii, "Connected Components in MapReduce
and Beyond", SoCC 2014. Each round is two joins, and a graph of n nodes settles in some log(n)
rounds, whatever its shape.
"""

from collections.abc import Iterable
from decimal import Decimal

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_MOST_ROUNDS = 100
_SMALL = 200_000  # edges that the driver settles; contents as nodes, they take it some 100 MB


def connected_components(edges: DataFrame) -> DataFrame:
    """Label the nodes of undirected `edges` (`a`, `b`; no loops): `node`, `component`.

    A component is named by its least node. Nodes without an edge do not appear.
    """
    stars = edges.select("a", "b").distinct().localCheckpoint()
    few: pa.Table = stars.limit(_SMALL + 1).toArrow()
    if len(few) > _SMALL:
        return _by_stars(stars)
    labels = _labels(zip(few["a"].to_pylist(), few["b"].to_pylist(), strict=True))
    return edges.sparkSession.createDataFrame(
        pa.table(
            {
                "node": pa.array(list(labels), pa.string()),
                "component": pa.array(list(labels.values()), pa.string()),
            }
        )
    )


def _labels(edges: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The least node of each node's component, by union-find with path halving."""
    parents: dict[str, str] = {}

    def root(node: str) -> str:
        while (parent := parents.setdefault(node, node)) != node:
            parents[node] = node = parents[parent]
        return node

    for a, b in edges:
        one, other = sorted((root(a), root(b)))
        parents[other] = one
    return {node: root(node) for node in parents}


def _by_stars(stars: DataFrame) -> DataFrame:
    digest = _digest(stars)
    for _ in range(_MOST_ROUNDS):
        stars = _small_star(_large_star(stars)).localCheckpoint()
        before, digest = digest, _digest(stars)
        if digest == before:
            return stars.union(stars.select("b", "b")).distinct().toDF("node", "component")
    raise RuntimeError(f"the components did not settle in {_MOST_ROUNDS} rounds")


def _large_star(edges: DataFrame) -> DataFrame:
    """Join every larger neighbour of a node to the least of its neighbourhood."""
    both = edges.union(edges.select("b", "a")).toDF("a", "b")
    least = both.groupBy("a").agg(F.least(F.min("b"), F.col("a")).alias("least"))
    return (
        both.where(F.col("b") > F.col("a"))
        .join(least, "a")
        .select(F.col("b").alias("a"), F.col("least").alias("b"))
        .distinct()
    )


def _small_star(edges: DataFrame) -> DataFrame:
    """Join a node and its smaller neighbours to the least of them."""
    down = edges.select(F.greatest("a", "b").alias("a"), F.least("a", "b").alias("b"))
    least = down.groupBy("a").agg(F.min("b").alias("least"))
    neighbours = down.join(least, "a").select(F.col("b").alias("a"), F.col("least").alias("b"))
    return neighbours.union(least.toDF("a", "b")).where(F.col("a") != F.col("b")).distinct()


def _digest(edges: DataFrame) -> tuple[int, Decimal]:
    """The number of edges and the sum of their hashes: equal ones mean equal sets."""
    hashes = F.sum(F.xxhash64("a", "b").cast("decimal(38,0)"))
    row = edges.agg(F.count(F.lit(1)).alias("edges"), hashes.alias("hashes")).collect()[0]
    return row["edges"], row["hashes"]
