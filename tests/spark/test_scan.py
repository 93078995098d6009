"""What a manifest may look like, and how its faults are named."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import UserError
from imgdedup.stages.embed.embedding import embed
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.scan.finding import Images, Parquet, find
from imgdedup.stages.scan.images import listing
from imgdedup.stages.scan.rows import require_sound
from imgdedup.stages.scan.stage import read_parquet
from tests.spark.tables import frame
from tests.stand_ins import FakeEncoderFactory, encoded, picture

GOOD = "image_id string, uri string"
DAY = "2026-01-01"


@pytest.mark.parametrize(
    ("rows", "schema", "message"),
    [
        ([("a", 1)], "image_id string, price int", 'm has no column "uri".*image_id, price'),
        ([("a",)], "uri string", 'm has no column "image_id".*uri'),
        ([(1, "/a")], "image_id long, uri string", '"image_id" of the manifest m is bigint'),
        ([("a", 1)], "image_id string, uri int", '"uri" of the manifest m is int, not string'),
        (
            [("a", "/a", "text")],
            "image_id string, uri string, content string",
            '"content" of the manifest m is string, not binary',
        ),
        ([("a", "/a", "x")], "image_id string, uri string, dt string", 'column "dt".*rename'),
        ([(None, "/b"), ("c", "/c"), (None, "/a")], GOOD, r"image_id is null \(uri: /a, /b\)"),
        ([("b", None), ("c", "/c"), ("a", None)], GOOD, r"uri is null \(image_id: a, b\)"),
        (
            [("b", "/1"), ("a", "/2"), ("b", "/3"), ("a", "/2"), ("c", "/4")],
            GOOD,
            r"image_id is not unique \(image_id: a, b\)",
        ),
        (
            [(f"{n}", "/") for n in range(9)] * 2,
            GOOD,
            r"not unique \(image_id: 0, 1, 2, 3, 4, \.\.\.\)",
        ),
    ],
)
def test_a_wrong_manifest_is_refused_by_column_and_row(
    spark: SparkSession, rows: Sequence[tuple[Any, ...]], schema: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        require_sound(frame(spark, rows, schema), "m")


@pytest.mark.parametrize(
    "schema",
    [GOOD, f"{GOOD}, content binary", f"price double, {GOOD}, tags map<string,array<int>>"],
)
def test_a_sound_manifest_passes_as_it_is(spark: SparkSession, schema: str) -> None:
    manifest = frame(spark, [], schema)
    assert require_sound(manifest, "m") is manifest


def test_ids_that_differ_in_case_or_spaces_are_different(spark: SparkSession) -> None:
    rows = [("a", "/a"), ("A", "/a"), (" a", "/a"), ("a ", "/a"), ("", "/a")]
    manifest = frame(spark, rows, GOOD)
    assert require_sound(manifest, "m").count() == len(rows)


def test_a_parquet_manifest_that_cannot_be_read_is_the_users_error(
    spark: SparkSession, settings: Config, tmp_path: Path
) -> None:
    (tmp_path / "text.parquet").write_text("This is a line of text, not a table.\n")
    (tmp_path / "empty.parquet").mkdir()
    twice = pa.table({"image_id": ["a", "a"], "uri": ["/a", "/a"]})
    pq.write_table(twice, tmp_path / "twice.parquet")
    faults = {
        "none.parquet": "there is no folder or file",
        "text.parquet": "no Parquet that can be read",
        "empty.parquet": "has no Parquet file",
        "twice.parquet": r"not unique \(image_id: a\)",
    }

    def read(location: str) -> None:
        found = find(location, DAY, settings.scan)
        assert isinstance(found, Parquet)
        read_parquet(spark, found, location, settings.scan)

    for name, message in faults.items():
        with pytest.raises(UserError, match=f"{name}.*{message}|{message}.*{name}"):
            read(f"{tmp_path}/{name}")


# Names of folders and files, of any bytes that a file system takes.
HOSTILE = [
    b"two words.jpg",
    b'it\'s "quoted".jpg',
    "\U0001f600 \u00e9.jpg".encode(),
    b"line\nbreak\r\n.jpg",
    b"back\\slash.jpg",
    b"100%25#anchor?query&x=1.jpg",
    b"dt=2026-01-01",
    b"dt=2026-01-02/dt=2026-01-03.jpg",
    b"__HIVE_DEFAULT_PARTITION__",
    b"_SUCCESS",
    b"{a,b}[c]*.jpg",
    b"-rf ~ $(HOME) `id`.jpg",
    b"not-utf-8-\xff\xfe.jpg",
    b"n" * 255,
    b"/".join([b"d" * 200] * 30) + b"/deep.jpg",
]


def test_an_image_of_any_name_is_found_and_read_and_keeps_its_id(
    spark: SparkSession, settings: Config, tmp_path: Path
) -> None:
    for number, name in enumerate(HOSTILE):
        *folders, file = os.fsdecode(name).split("/")
        handle = os.open(tmp_path, os.O_RDONLY)
        for folder in folders:  # one by one: a whole path may be longer than the system takes
            with suppress(FileExistsError):
                os.mkdir(folder, dir_fd=handle)
            above, handle = handle, os.open(folder, os.O_RDONLY, dir_fd=handle)
            os.close(above)
        written = os.open(file, os.O_CREAT | os.O_WRONLY, dir_fd=handle)
        os.write(written, encoded(picture(number)))
        os.close(written)
        os.close(handle)
    found = find(str(tmp_path), DAY, settings.scan)
    assert isinstance(found, Images)
    manifest = spark.createDataFrame(listing(found.tree, settings.scan))
    embedded = embed(manifest, len(HOSTILE), settings.embed, FakeEncoderFactory(), Known())
    rows = embedded.collect()
    names = {
        name.decode("utf-8", "backslashreplace"): number for number, name in enumerate(HOSTILE)
    }
    assert {row["image_id"]: row["failure"] for row in rows} == dict.fromkeys(names)
    assert {row["image_id"]: row["content_id"] for row in rows} == {
        name: hashlib.sha256(encoded(picture(number))).hexdigest() for name, number in names.items()
    }
