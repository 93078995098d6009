"""Connected components of a graph, of any size.

The driver settles a graph that fits it. A larger graph is settled by alternating large-star and
small-star: Kiveris, Lattanzi, Mirrokni, Rastogi, Vassilvitskii, "Connected Components in MapReduce
and Beyond", SoCC 2014. Each round is two joins. A graph of n nodes settles in about log(n) rounds,
whatever its shape.
"""

from decimal import Decimal

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.relations.parts import connected

_MOST_ROUNDS = 100
_SMALL = 200_000  # edges that the driver settles: about 100 MB when the nodes are contents


def connected_components(edges: DataFrame) -> DataFrame:
    """Label the nodes of undirected `edges` (`left`, `right`; no loops): `node`, `component`.

    A component is named by its least node. Nodes without an edge do not appear.
    """
    stars = edges.select("left", "right").distinct().localCheckpoint()
    few: pa.Table = stars.limit(_SMALL + 1).toArrow()
    if len(few) > _SMALL:
        return _settle_by_stars(stars)
    labels = connected(zip(few["left"].to_pylist(), few["right"].to_pylist(), strict=True))
    return edges.sparkSession.createDataFrame(
        pa.table(
            {
                "node": pa.array(list(labels), pa.string()),
                "component": pa.array(list(labels.values()), pa.string()),
            }
        )
    )


def _settle_by_stars(stars: DataFrame) -> DataFrame:
    digest = _digest(stars)
    for _ in range(_MOST_ROUNDS):
        stars = _small_star(_large_star(stars)).localCheckpoint()
        before, digest = digest, _digest(stars)
        if digest == before:
            least = stars.select("right", "right")
            return stars.union(least).distinct().toDF("node", "component")
    raise RuntimeError(f"the components did not settle in {_MOST_ROUNDS} rounds")


def _large_star(edges: DataFrame) -> DataFrame:
    """Join every larger neighbour of a node to the least node of its neighbourhood."""
    both = edges.union(edges.select("right", "left")).toDF("left", "right")
    least = both.groupBy("left").agg(F.least(F.min("right"), F.col("left")).alias("least"))
    return (
        both.where(F.col("right") > F.col("left"))
        .join(least, "left")
        .select(F.col("right").alias("left"), F.col("least").alias("right"))
        .distinct()
    )


def _small_star(edges: DataFrame) -> DataFrame:
    """Join a node and its smaller neighbours to the least of them."""
    larger, smaller = F.greatest("left", "right"), F.least("left", "right")
    down = edges.select(larger.alias("left"), smaller.alias("right"))
    least = down.groupBy("left").agg(F.min("right").alias("least"))
    neighbours = down.join(least, "left").select(
        F.col("right").alias("left"), F.col("least").alias("right")
    )
    joined = neighbours.union(least.toDF("left", "right"))
    return joined.where(F.col("left") != F.col("right")).distinct()


def _digest(edges: DataFrame) -> tuple[int, Decimal]:
    """The number of edges and the sum of their hashes: equal digests mean equal sets."""
    hashes = F.sum(F.xxhash64("left", "right").cast("decimal(38,0)"))
    row = edges.agg(F.count(F.lit(1)).alias("edges"), hashes.alias("hashes")).collect()[0]
    return row["edges"], row["hashes"]
