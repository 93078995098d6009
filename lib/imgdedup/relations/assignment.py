"""Which content is the keeper of which, by the pairs of contents and the order of keepers.

The contents of a component are taken in the order of their ranks. The first one that no earlier
keeper is paired with becomes a keeper. Every other content goes with the first keeper that it is
paired with. So each content that goes has a pair with its own keeper, its witness.
"""

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.relations.components import connected_components

_ASSIGNED = "component STRING, content_id STRING, keeper_content STRING"


def assigned(near: DataFrame, best: DataFrame) -> DataFrame:
    """The keeper content of every content that has a near pair, with its group's `component`."""
    edges = near.select(F.col("left_content").alias("left"), F.col("right_content").alias("right"))
    components = connected_components(edges).withColumnRenamed("node", "left")
    return (
        edges.join(components, "left")
        .join(best.toDF("left", "left_rank"), "left")
        .join(best.toDF("right", "right_rank"), "right")
        .groupBy("component")
        .applyInPandas(assign_keepers, _ASSIGNED)
    )


def assign_keepers(edges: pd.DataFrame) -> pd.DataFrame:
    """Choose the keepers of one component.

    `edges`: `component`, the contents `left` and `right`, and their `left_rank` and `right_rank`
    (structs as dicts, all distinct, less is better). Gives a row per content with its
    `keeper_content`, which is the content itself for a keeper.
    """
    ranks = dict(zip(edges.left, edges.left_rank, strict=True))
    ranks |= dict(zip(edges.right, edges.right_rank, strict=True))
    neighbours: dict[str, list[str]] = {content: [] for content in ranks}
    for left, right in zip(edges.left, edges.right, strict=True):
        neighbours[left].append(right)
        neighbours[right].append(left)
    keepers: dict[str, str] = {}
    for content in sorted(ranks, key=lambda name: tuple(ranks[name].values())):
        if content not in keepers:
            keepers[content] = content
            for other in neighbours[content]:
                keepers.setdefault(other, content)
    table = pd.DataFrame(list(keepers.items()), columns=["content_id", "keeper_content"])
    table.insert(0, "component", edges.component.iloc[0])
    return table
