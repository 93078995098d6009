"""The manifests' own columns rank images, and a value that changes is noticed."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from imgdedup.config import ColumnKey, Config, column_key
from imgdedup.errors import TryAgain, UserError
from imgdedup.lake import Lake
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.relations.preference import column_keys, preference, require_columns
from imgdedup.runtime.run import Run
from imgdedup.settling.checks import unmarked_manifests
from imgdedup.settling.preferences import with_preference
from imgdedup.settling.settlement import Settlement
from imgdedup.settling.snapshot import SnapshotChange, compare_snapshot, snapshot_of
from imgdedup.stages import body_of
from imgdedup.stages.group import form_groups
from tests.spark.tables import Image, embeddings, frame, rows_of

FIRST, SECOND = "2026-01-01", "2026-01-02"
PLAIN = "image_id string, uri string"
PAIR = "left_content string, right_content string, kind string, originals string"


def key(text: str) -> ColumnKey:
    found = column_key(text)
    assert found is not None
    return found


def ranked(spark: SparkSession, text: str, kind: str, values: Sequence[Any]) -> list[Any]:
    """The values in the order that a key gives them; equal ones in the order of their places."""
    rows = frame(spark, list(enumerate(values)), f"place int, value {kind}")
    types = {field.name: field.dataType for field in rows.schema}
    require_columns([key(text)], types, "m")
    found = rows.select("place", preference([key(text)], types)[0].alias("entry")).collect()
    order = sorted(found, key=lambda row: (row.entry.number, row.entry.text, row.place))
    return [values[row.place] for row in order]


DRAWN = random.Random(3)
TEXTS = ["", "a", "ab", "b", "B", "z z", "ä", "日本", "\U0001f600", "\uffff", "10", "9"]
COLUMNS: dict[str, list[Any]] = {
    "string": [*TEXTS, *("".join(DRAWN.choices("abAB\u00e9", k=3)) for _ in range(9))],
    "int": [3, -7, 0, 2**31 - 1, -(2**31)],
    "bigint": [2**62, -(2**63), 5, 0],
    "double": [0.5, -1e300, 7.0, float("inf"), float("-inf")],
    "decimal(9,2)": [Decimal("1.25"), Decimal("-3.00"), Decimal("0.10")],
    "boolean": [True, False],
    "date": [date(2026, 1, 2), date(1969, 12, 31), date(2026, 1, 1)],
    "timestamp": [datetime(2026, 1, 1, 5), datetime(1960, 1, 1), datetime(2026, 1, 1, 4, 59)],
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_values_of_every_kind_come_in_their_order_and_null_comes_last(
    spark: SparkSession, kind: str
) -> None:
    values = sorted(set(COLUMNS[kind]))
    drawn = [None, *DRAWN.sample(values, len(values))]
    assert ranked(spark, "column:value asc", kind, drawn) == [*values, None]
    assert ranked(spark, "column:value desc", kind, drawn) == [*values[::-1], None]


def test_what_is_no_number_comes_last(spark: SparkSession) -> None:
    for way in ("asc", "desc"):
        found = ranked(spark, f"column:value {way}", "double", [float("nan"), 1.0])
        assert found[0] == 1.0


@pytest.mark.parametrize(
    ("kind", "wanted", "values"),
    [
        ("string", "master", ["copy", None, "Master", "master"]),
        ("string", "a=b, c", ["a", "a=b, c"]),
        ("string", "", ["a", None, ""]),
        ("int", "1", [2, None, 1]),
        ("double", "1", [2.0, 1.0]),
        ("boolean", "TRUE", [False, None, True]),
        ("date", "2026-01-01", [date(2026, 1, 2), date(2026, 1, 1)]),
    ],
)
def test_the_images_with_a_value_come_first_and_all_others_are_equal(
    spark: SparkSession, kind: str, wanted: str, values: list[Any]
) -> None:
    *others, best = values
    assert ranked(spark, f"column:value={wanted}", kind, values) == [best, *others]


@pytest.mark.parametrize(
    ("text", "schema", "message"),
    [
        ("column:rating desc", "a int, b int", '"rating", and m has no such column; it has a, b'),
        ("column:Rating desc", "rating int", '"Rating", and m has no such column'),
        ("column:tags asc", "tags array<int>", '"tags", and in m it is array<int>: only numbers'),
        ("column:tags=x", "tags map<string,int>", "in m it is map<string,int>"),
        ("column:grade=best", "grade int", 'in m it holds numbers, not "best"'),
    ],
)
def test_a_column_that_cannot_rank_is_named(
    spark: SparkSession, text: str, schema: str, message: str
) -> None:
    rows = frame(spark, [], schema)
    types = {field.name: field.dataType for field in rows.schema}
    with pytest.raises(UserError, match=message):
        require_columns([key(text)], types, "m")


IMAGES = [Image(name, "x", FIRST, size_bytes=size) for name, size in (("a", 9), ("b", 9), ("c", 9))]


def groups(
    spark: SparkSession, lake: Lake, order: Sequence[str], images: Sequence[Image] = IMAGES
) -> dict[str, str]:
    """The reasons of the images, which are copies of one content, by the manifests of the lake."""
    snapshot = snapshot_of(embeddings(spark, images))
    days = {image.dt for image in images}
    snapshot = with_preference(lake, snapshot, days, column_keys(order))
    near = frame(spark, [], PAIR)
    for name in ("review", "similarity", "margin", "inliers", "correlation", "overlap", "edit"):
        near = near.withColumn(name, F.lit(None))
    found = form_groups(snapshot, near, order, "run")
    return {row["image_id"]: row["reason"] for row in rows_of(found)}


def write_manifest(
    spark: SparkSession, lake: Lake, dt: str, rows: Sequence[tuple[Any, ...]], columns: str
) -> None:
    named = [(name, f"/{name}", *values) for name, *values in rows]
    lake.replace("manifest", dt, frame(spark, named, f"{PLAIN}, {columns}"))


def test_the_reason_names_the_column(spark: SparkSession, lake: Lake) -> None:
    rows = [("a", "copy", 3), ("b", "master", 1), ("c", None, None)]
    write_manifest(spark, lake, FIRST, rows, "`the source` string, rating int")
    assert groups(spark, lake, ["column:the source=master", "bytes"]) == {
        "a": "exact copy; its keeper has the source = master",
        "b": "keeper",
        "c": "exact copy; its keeper has the source = master",
    }
    assert groups(spark, lake, ["bytes", "column:rating desc"]) == {
        "a": "keeper",
        "b": "exact copy; its keeper has the greater rating",
        "c": "exact copy; its keeper has the greater rating",
    }
    assert groups(spark, lake, ["column:rating asc"])["b"] == "keeper"
    both = ["column:the source=none", "column:the source asc", "day"]
    assert groups(spark, lake, both)["b"] == "exact copy; its keeper has the lesser the source"


def test_an_image_whose_manifest_is_gone_comes_last(spark: SparkSession, lake: Lake) -> None:
    write_manifest(spark, lake, SECOND, [("c", 1)], "rating int")
    images = [*IMAGES[:2], replace(IMAGES[2], dt=SECOND)]
    assert groups(spark, lake, ["column:rating asc"], images)["c"] == "keeper"


def test_days_may_have_numbers_of_different_types(spark: SparkSession, lake: Lake) -> None:
    write_manifest(spark, lake, FIRST, [("a", 1), ("b", 3)], "rating int")
    write_manifest(spark, lake, SECOND, [("c", 2.5)], "rating double")
    images = [*IMAGES[:2], replace(IMAGES[2], dt=SECOND)]
    order = ["column:rating desc"]
    assert groups(spark, lake, order, images)["b"] == "keeper"
    assert groups(spark, lake, order, [images[0], images[2]])["c"] == "keeper"


def settle(lake: Lake, order: Sequence[str], unsure: Sequence[str] = ()) -> SnapshotChange:
    """Compare and publish the snapshot as a search with this order does."""
    settlement = Settlement(
        lake,
        "search",
        rules=" ".join(order),
        reads="embeddings",
        writes=(SNAPSHOT_DATASET,),
        beside="manifest",
        unsure=unsure,
    )
    found = lake.read("embeddings")
    change = compare_snapshot(settlement, found, found.limit(0), column_keys(order))
    settlement.publish(
        change.stage(lake), "verify", touched=change.touched, versions=change.versions
    )
    return change


ORDER = ["column:rating desc", "day"]
NOTED = "rating int, note string"
XY = [Image("a", "x", FIRST), Image("b", "y", FIRST)]


def touched(change: SnapshotChange) -> list[str]:
    return [row["content_id"] for row in rows_of(change.touched)]


def test_a_value_that_changes_touches_the_content_though_no_file_changed(
    spark: SparkSession, lake: Lake
) -> None:
    lake.replace("embeddings", FIRST, embeddings(spark, XY).drop("dt"))
    write_manifest(spark, lake, FIRST, [("a", 1, "old"), ("b", 2, "old")], NOTED)
    assert touched(settle(lake, ORDER)) == ["x", "y"]
    assert touched(settle(lake, ORDER)) == []
    write_manifest(spark, lake, FIRST, [("a", 5, "old"), ("b", 2, "old")], NOTED)
    assert touched(settle(lake, ORDER)) == ["x"]
    # A column that the order does not name touches nothing.
    write_manifest(spark, lake, FIRST, [("a", 5, "new"), ("b", 2, "new")], NOTED)
    assert touched(settle(lake, ORDER)) == []
    assert settle(lake, ORDER).rewritten == []


def test_a_manifest_that_was_written_in_place_is_looked_at_in_any_case(
    spark: SparkSession, lake: Lake
) -> None:
    def write_in_place(ratings: dict[str, int]) -> None:
        columns = {"image_id": [*ratings], "uri": [*ratings], "rating": [*ratings.values()]}
        folder = Path(lake.path("manifest", FIRST))
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / "part-0.parquet")

    lake.replace("embeddings", FIRST, embeddings(spark, XY).drop("dt"))
    write_in_place({"a": 1, "b": 2})
    assert unmarked_manifests(lake, [FIRST, SECOND]) == {FIRST}
    settle(lake, ORDER)
    write_in_place({"a": 1, "b": 7})
    assert touched(settle(lake, ORDER)) == []
    assert touched(settle(lake, ORDER, unsure=[FIRST])) == ["y"]


def test_values_of_two_kinds_stop_the_search_with_the_days(spark: SparkSession, lake: Lake) -> None:
    lake.replace("embeddings", FIRST, embeddings(spark, XY[:1]).drop("dt"))
    write_manifest(spark, lake, FIRST, [("a", 1)], "rating int")
    settle(lake, ORDER)
    second = replace(XY[1], dt=SECOND)
    lake.replace("embeddings", SECOND, embeddings(spark, [second]).drop("dt"))
    write_manifest(spark, lake, SECOND, [("b", "1")], "rating string")
    message = f'"rating", and it holds numbers on {FIRST}, and texts on {SECOND}: give it one type'
    with pytest.raises(UserError, match=message):
        settle(lake, ORDER)
    assert lake.days(SNAPSHOT_DATASET) == [FIRST]
    assert touched(settle(lake, ["column:rating=1", "day"])) == ["x", "y"]


def test_a_manifest_without_the_column_stops_the_search(spark: SparkSession, lake: Lake) -> None:
    lake.replace("embeddings", FIRST, embeddings(spark, XY).drop("dt"))
    write_manifest(spark, lake, FIRST, [("a", 1), ("b", 2)], "grade int")
    with pytest.raises(UserError, match=f'"rating", and the manifest of {FIRST} has no such'):
        settle(lake, ORDER)
    assert lake.days(SNAPSHOT_DATASET) == []


def test_group_refuses_a_snapshot_of_another_order(
    spark: SparkSession, lake: Lake, settings: Config
) -> None:
    lake.replace("embeddings", FIRST, embeddings(spark, XY).drop("dt"))
    write_manifest(spark, lake, FIRST, [("a", 1), ("b", 2)], "rating int")
    settle(lake, ["column:rating asc"])
    config = replace(settings, group=replace(settings.group, keeper_order=ORDER))
    run = Run(spark, lake, FIRST, (FIRST,), "run", config, "")
    with pytest.raises(TryAgain, match="run search again"):
        body_of("group")(run)
