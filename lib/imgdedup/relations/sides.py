"""Pairs of contents (`left_content`, `right_content`), seen from one side or from both."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

SIDES = ("left_content", "right_content")


def both_ways(pairs: DataFrame, one: str, other: str, *columns: str) -> DataFrame:
    """Each pair as two directed rows: its contents as `one` and `other`, and `columns`."""
    there, back = (
        pairs.select(F.col(first).alias(one), F.col(second).alias(other), *columns)
        for first, second in (SIDES, SIDES[::-1])
    )
    return there.unionByName(back)


def either_side(pairs: DataFrame, *columns: str) -> DataFrame:
    """The contents of both sides of pairs: `content_id`, each with `columns` of its pair."""
    left, right = (pairs.select(F.col(side).alias("content_id"), *columns) for side in SIDES)
    return left.union(right)


def beside(pairs: DataFrame, contents: DataFrame) -> DataFrame:
    """The pairs with at least one side among `contents` (`content_id`)."""
    left, right = (
        contents.select(F.col("content_id").alias(side), F.lit(True).alias(f"on_{side}"))
        for side in SIDES
    )
    found = pairs.join(left, "left_content", "left").join(right, "right_content", "left")
    return found.where("on_left_content OR on_right_content").select(*pairs.columns)


def apart_from(pairs: DataFrame, contents: DataFrame) -> DataFrame:
    """The pairs of which neither side is among `contents` (`content_id`)."""
    rest = pairs
    for side in SIDES:
        rest = rest.join(contents.select(F.col("content_id").alias(side)), side, "left_anti")
    return rest.select(*pairs.columns)


def only_pairs(pairs: DataFrame, wanted: DataFrame) -> DataFrame:
    """The pairs that are among `wanted` (both contents)."""
    return pairs.join(wanted.select(*SIDES), [*SIDES], "left_semi").select(*pairs.columns)
