"""Connected components of a graph that need not fit one machine.

Alternating large-star and small-star: Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii,
"Connected Components in MapReduce and Beyond", SoCC 2014. Each round is two joins, and a graph
of n nodes settles in some log(n) rounds, whatever its shape.
"""

from decimal import Decimal

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

_MOST_ROUNDS = 100


def connected_components(edges: DataFrame) -> DataFrame:
    """Label the nodes of undirected `edges` (`a`, `b`; no loops): `node`, `component`.

    A component is named by its least node. Nodes without an edge do not appear.
    """
    stars = edges.select("a", "b").distinct().localCheckpoint()
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
