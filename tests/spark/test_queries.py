"""The queries of the documentation, run by DuckDB and by Spark on the same tables."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from imgdedup.lake import Lake
from imgdedup.lake.schemas import RUNS, VERDICTS_DATASET
from imgdedup.report.reviewed import wilson
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages import group
from imgdedup.stages.group.changes import find_changes
from imgdedup.stages.group.leakage import find_leakage, with_values
from imgdedup.stages.verify import pairs
from tests.spark.conftest import REPOSITORY
from tests.spark.tables import Image, copies, embeddings, frame, verdicts

DAY = "2026-01-01"
FENCE = "`" * 3
PAGE = REPOSITORY / "docs" / "reference" / "queries.md"
TABLES = ("embeddings", "pairs", "groups", "group_changes", "leakage", "runs")
SQL = re.findall(rf"{FENCE}sql\n(.*?){FENCE}", PAGE.read_text(encoding="utf-8"), re.DOTALL)
VIEWS, QUERIES = SQL[0], SQL[1:]
MORE_VIEWS = "".join(re.findall(r"^    (CREATE VIEW .*\n)", PAGE.read_text(encoding="utf-8"), re.M))
A, B, C = ("a" * 64, "b" * 64, "c" * 64)
TIMES = [datetime(2026, 2, day, tzinfo=UTC) for day in (1, 2)]
REVIEWS = [
    (B.upper(), A, "same", TIMES[0]),
    (A, C, "same", TIMES[0]),
    (C, A, "different", TIMES[0]),
    (B, C, "same", TIMES[0]),
    (B, C, "none", TIMES[1]),
]
IMAGES = [
    Image("astronaut/original.jpg", "a", DAY, width=200),
    Image("astronaut/copy.jpg", "a", DAY, width=200, inode="1:2"),
    Image("astronaut/link.jpg", "a", DAY, width=200, inode="1:2"),
    Image("astronaut/small.png", "b", DAY, size_bytes=77),
    Image("broken.jpg", None, DAY),
]
SPLITS = ["test", "train", "train", "test", "test"]  # of the images


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
    decided = verdicts(spark, [(A, B), (A, C), (B, C)])
    tables = {"embeddings": embedded, "pairs": found, "groups": groups, VERDICTS_DATASET: decided}
    for name, rows in tables.items():
        lake.replace(name, DAY, rows)
    changed = find_changes(groups.limit(0), groups)
    changed = changed.withColumns({"sequence": F.lit(1).cast("long"), "run_id": F.lit("run")})
    lake.publish(lake.stage_more("group_changes", DAY, changed))
    splits = [(image.image_id, "uri", split) for image, split in zip(IMAGES, SPLITS, strict=True)]
    manifest = frame(spark, splits, "image_id string, uri string, split string")
    lake.replace("manifest", DAY, manifest)
    values = with_values(lake, snapshot, ["split"])
    near, contents = found.where("kind = 'near'"), snapshot.select("content_id").distinct()
    lake.replace("leakage", DAY, find_leakage(values, near, contents, "run"))
    lake.append_run(DAY, frame(spark, [ran], RUNS))
    said = frame(
        spark,
        REVIEWS,
        "left_content string, right_content string, verdict string, reviewed_at timestamp",
    )
    said.write.parquet(f"{lake.root}/reviews")
    return lake.root


def plain(rows: Iterable[Iterable[Any]]) -> list[list[Any]]:
    """Rows as lists, dates as text: DuckDB and Spark read the day of a folder's name as a date."""
    return [[str(cell) if isinstance(cell, date) else cell for cell in row] for row in rows]


def test_duckdb_and_spark_answer_the_queries_alike(spark: SparkSession, tables: str) -> None:
    database = duckdb.connect()
    database.execute((VIEWS + MORE_VIEWS).replace("out/demo", tables))
    for name in (*TABLES, "reviews"):
        spark.read.parquet(f"{tables}/{name}").createOrReplaceTempView(name)
    spark.read.parquet(f"{tables}/{VERDICTS_DATASET}").createOrReplaceTempView("verdicts")
    answers = []
    for query in QUERIES:
        if query.startswith("CREATE VIEW"):
            database.execute(query.replace("out/demo", tables))
            continue
        answer = plain(database.execute(query).fetchall())
        assert answer == plain(spark.sql(query.rstrip().rstrip(";")).collect())
        answers.append(answer)
    failures, to_try, removed, group_rows, parts, saved, named, without_witness = answers[:8]
    across_groups, precision, last_run, ended, replayed, leaking, seen, stages = answers[8:]
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
    assert without_witness == across_groups == [[0]]
    low, high = (round(limit, 3) for limit in wilson(1, 2))
    assert precision == [["mirrored", 1, 1, 0.5, low, high]]
    assert last_run == [["created", 1, 4]]
    assert ended == []
    assert leaking == [["split", "test", "train", 2, 1], ["split", "train", "test", 2, 2]]
    assert [row[:3] for row in seen] == [
        ["astronaut/original.jpg", "astronaut/copy.jpg", "exact"],
        ["astronaut/small.png", "astronaut/copy.jpg", "near"],
    ]
    group_id = f"{DAY}/astronaut/copy.jpg"
    assert [row[:3] for row in replayed] == [
        [group_id, DAY, name] for name in sorted(image.image_id for image in IMAGES[:4])
    ]
    assert {row[3] for row in replayed} == {"astronaut/copy.jpg"}
    assert [row[2] for row in replayed if row[4]] == ["astronaut/copy.jpg", "astronaut/link.jpg"]
    assert stages == [[DAY, "embed", "succeeded", 1.5, 4, 4]]
