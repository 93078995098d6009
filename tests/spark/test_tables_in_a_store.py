"""Tables in a bucket: they are found, read and written with what the environment says.

The bucket is on this machine. It knows of S3 what the tests need.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession

from imgdedup.config import ScanConfig
from imgdedup.errors import UserError
from imgdedup.lake import Lake
from imgdedup.sources import stores
from imgdedup.stages.group import delta_table
from imgdedup.stages.scan.finding import Table, find
from imgdedup.stages.scan.tables import delta, iceberg
from imgdedup.stages.scan.tables.snapshots import Wanted
from tests.bucket import bucket
from tests.spark.iceberg_tables import at, catalog, folder_of
from tests.spark.manifests import images
from tests.spark.tables import frame

CONFIG = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=False)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder whose files are the objects of the bucket "photos"."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    stores._s3.cache_clear()
    with bucket(folder, "photos") as server:
        for name in ("HTTP_PROXY", "http_proxy", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield folder
    stores._s3.cache_clear()


def names(batches: Iterator[pa.RecordBatch]) -> list[str]:
    return sorted(name for batch in batches for name in pa.table(batch)["image_id"].to_pylist())


@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_a_delta_table_in_a_bucket_is_read(store: Path, scheme: str) -> None:
    write_deltalake(store / "two words/t", images("ab"))
    write_deltalake(store / "two words/t", images("c"), mode="append")
    found = find(f"{scheme}://photos/two words/t", "2026-01-01", CONFIG)
    assert found == Table(f"{scheme}://photos/two words/t", "Delta")
    snapshot = delta.open_snapshot(found, Wanted(None, None))
    assert (snapshot.id, names(snapshot.batches(None))) == (1, ["a", "b", "c"])
    assert names(snapshot.batches("image_id = 'b'")) == ["b"]
    assert abs(datetime.now(UTC) - snapshot.time).total_seconds() < 600


def test_an_iceberg_table_in_a_bucket_is_found_and_opened(store: Path, tmp_path: Path) -> None:
    table = catalog(tmp_path).create_table("n.t", images("").schema, location=f"file://{store}/t")
    table.append(images("ab"))
    at(table, "2026-01-01T12:00:00")
    assert folder_of(table) == store / "t"
    found = find("s3://photos/t", "2026-01-01", CONFIG)
    assert found == Table("s3://photos/t", "Iceberg")
    snapshot = iceberg.open_snapshot(found, Wanted(None, None))
    assert snapshot.time == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert names(snapshot.batches(None)) == ["a", "b"]


def test_deduplicated_goes_to_a_table_in_a_bucket(
    spark: SparkSession, lake: Lake, store: Path
) -> None:
    schema = "image_id string, uri string"
    lake.replace("deduplicated", "2026-01-01", frame(spark, [("a", "/a")], schema))
    assert delta_table.write(lake, "s3://photos/out") == 1
    lake.replace("deduplicated", "2026-01-01", frame(spark, [("b", "/b")], schema))
    assert delta_table.write(lake, "s3://photos/out") == 1
    assert delta_table.write(lake, "s3://photos/out") == 0
    found = pa.RecordBatchReader.from_stream(DeltaTable(store / "out").scan())
    assert names(iter(found)) == ["b"]
    (store / "theirs").mkdir()
    (store / "theirs/a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="is no Delta table, and not empty"):
        delta_table.write(lake, "s3://photos/theirs")
