"""The queries of the documentation, run by DuckDB and by Spark on the same tables."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from imgdedup.lake import Lake
from imgdedup.lake.schemas import RUNS
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages import group
from imgdedup.stages.verify import pairs
from tests.spark.conftest import REPOSITORY
from tests.spark.tables import Image, copies, embeddings, frame

DAY = "2026-01-01"
FENCE = "`" * 3
PAGE = REPOSITORY / "docs" / "reference" / "queries.md"
SQL = re.findall(rf"{FENCE}sql\n(.*?){FENCE}", PAGE.read_text(encoding="utf-8"), re.DOTALL)
VIEWS, QUERIES = SQL[0], SQL[1:]
IMAGES = [
    Image("astronaut/original.jpg", "a", DAY, width=200),
    Image("astronaut/copy.jpg", "a", DAY, width=200, inode="1:2"),
    Image("astronaut/link.jpg", "a", DAY, width=200, inode="1:2"),
    Image("astronaut/small.png", "b", DAY, size_bytes=77),
    Image("broken.jpg", None, DAY),
]


@pytest.fixture
def tables(spark: SparkSession, lake: Lake) -> str:
    """A lake in which two images of three are removed; its root."""
    embedded = embeddings(spark, IMAGES)
    snapshot = snapshot_of(embedded)
    found = pairs.make_pairs(copies(spark, [("a", "b", 0.99)]), pairs.images_of(snapshot), "run")
    groups = group.form_groups(snapshot, found, ["pixels", "bytes", "day"], "run")
    ran: tuple[Any, ...] = (
        "run",
        "embed",
        "succeeded",
        None,
        1.5,
        4,
        4,
        1 << 30,
        "model",
        {},
        {},
        None,
    )
    tables = {"embeddings": embedded, "pairs": found, "groups": groups}
    for name, rows in tables.items():
        lake.replace(name, DAY, rows)
    lake.append_run(DAY, frame(spark, [ran], RUNS))
    return lake.root


def plain(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """Rows as lists, dates as text: DuckDB and Spark read the day of a folder's name as a date."""
    return [[str(cell) if isinstance(cell, date) else cell for cell in row] for row in rows]


def test_duckdb_and_spark_answer_the_queries_alike(spark: SparkSession, tables: str) -> None:
    database = duckdb.connect()
    database.execute(VIEWS.replace("out/demo", tables))
    for name in ("embeddings", "pairs", "groups", "runs"):
        spark.read.parquet(f"{tables}/{name}").createOrReplaceTempView(name)
    answers = []
    for query in QUERIES:
        answer = plain(database.execute(query).fetchall())
        assert answer == plain(spark.sql(query.rstrip().rstrip(";")).collect())
        answers.append(answer)
    failures, to_try, removed, group_rows, parts, saved, named, without_witness, stages = answers
    assert failures == [["missing", 1, "broken.jpg"]]
    assert to_try == []
    assert [row[:3] for row in removed] == [
        ["astronaut/original.jpg", "astronaut/copy.jpg", "exact"],
        ["astronaut/small.png", "astronaut/copy.jpg", "near"],
    ]
    part = ["astronaut/small.png", "astronaut/copy.jpg", 0.47, "mirrored, cropped to 47%"]
    assert parts == [part]
    assert [row[0] for row in group_rows] == sorted(image.image_id for image in IMAGES[:4])
    assert saved == [[2, 1077]]
    assert named == [["astronaut/copy.jpg", "astronaut/link.jpg", DAY]]
    assert without_witness == [[0]]
    assert stages == [[DAY, "embed", "succeeded", 1.5, 4, 4]]
