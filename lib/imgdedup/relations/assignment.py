"""Which content is the keeper of which, by the pairs of contents and the order of keepers.

The contents of a component are taken in the order of their ranks. The first one that no earlier
keeper is paired with becomes a keeper. Every other content goes with the first keeper that it is
paired with. So each content that goes has a pair with its own keeper, its witness.

People may have called two contents of a component different. Then the component is split into parts
first, and keepers are chosen within each part. No part holds two contents that were called
different. Pairs join the parts in a total order: first the pairs that people call the same, then
those with the strongest evidence.
"""

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.relations.components import connected_components
from imgdedup.relations.contents import only
from imgdedup.relations.parts import split
from imgdedup.relations.reviews import SAME
from imgdedup.relations.sides import SIDES

STRENGTH = ("review", "correlation", "inliers", "overlap")  # what the order of the pairs depends on
_ASSIGNED = "component STRING, content_id STRING, keeper_content STRING"


def assigned(near: DataFrame, best: DataFrame, apart: DataFrame | None = None) -> DataFrame:
    """The keeper content of every content that has a near pair, with its group's `component`.

    `near` are pairs of contents with the columns STRENGTH, and `best` the ranks of the contents.
    `apart` are the pairs of contents (both) that people call different, None when there are none.
    A part of a component is a component of its own, named by its least content.
    """
    edges = near.select(*_as_edge(), *STRENGTH)
    labels = connected_components(edges.select("left", "right"))
    components = labels.withColumnRenamed("node", "left")
    rows = (
        edges.join(components, "left")
        .join(best.toDF("left", "left_rank"), "left")
        .join(best.toDF("right", "right_rank"), "right")
        .withColumn("apart", F.lit(False))
    )
    if apart is not None:
        others = labels.toDF("right", "component")
        within = apart.select(*_as_edge()).join(components, "left")
        within = within.join(others, ["right", "component"]).withColumn("apart", F.lit(True))
        rows = rows.unionByName(within, allowMissingColumns=True)
    return rows.groupBy("component").applyInPandas(assign_keepers, _ASSIGNED)


def whole_components(near: DataFrame, contents: DataFrame) -> DataFrame:
    """The contents (`content_id`) of all components of `near` that hold one of `contents`."""
    labels = connected_components(near.select(*_as_edge())).localCheckpoint()
    concerned = only(labels, contents, "node").select("component").distinct()
    return labels.join(concerned, "component", "left_semi").select(
        F.col("node").alias("content_id")
    )


def assign_keepers(edges: pd.DataFrame) -> pd.DataFrame:
    """Choose the keepers of one component.

    `edges`: `component`, the contents `left` and `right`, their `left_rank` and `right_rank`
    (structs as dicts, all distinct, less is better), the columns STRENGTH, and `apart`: the two are
    no pair, but must not come into one part; then only the contents count. Gives a row per content
    with its `component`, or part, and its `keeper_content`, which is the content itself for a
    keeper.
    """
    near = edges[~edges.apart]
    ranks = dict(zip(near.left, near.left_rank, strict=True))
    ranks |= dict(zip(near.right, near.right_rank, strict=True))
    parts = _parts(near, edges[edges.apart])
    neighbours: dict[str, list[str]] = {content: [] for content in ranks}
    for left, right in zip(near.left, near.right, strict=True):
        if parts[left] == parts[right]:
            neighbours[left].append(right)
            neighbours[right].append(left)
    keepers: dict[str, str] = {}
    for content in sorted(ranks, key=lambda name: tuple(ranks[name].values())):
        if content not in keepers:
            keepers[content] = content
            for other in neighbours[content]:
                keepers.setdefault(other, content)
    rows = [(parts[content], content, keeper) for content, keeper in keepers.items()]
    return pd.DataFrame(rows, columns=["component", "content_id", "keeper_content"])


def _parts(near: pd.DataFrame, apart: pd.DataFrame) -> dict[str, str]:
    """The part of each content, named by its least content."""
    if apart.empty:
        return dict.fromkeys([*near.left, *near.right], near.component.iloc[0])
    # Of pairs with the same evidence, or with none, the contents decide.
    order = pd.DataFrame({"said": near.review != SAME})
    for name in STRENGTH[1:]:
        order[name] = -near[name].astype(float).fillna(float("-inf"))
    order["left"], order["right"] = near.left, near.right
    strongest = order.sort_values(list(order.columns))
    pairs = list(zip(strongest.left, strongest.right, strict=True))
    return split(pairs, zip(apart.left, apart.right, strict=True))


def _as_edge() -> list[Column]:
    return [F.col(side).alias(name) for side, name in zip(SIDES, ("left", "right"), strict=True)]
