"""Delta tables that cannot be read as the manifest: each is refused in one line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import write_deltalake

from imgdedup.errors import UserError
from imgdedup.lake import Lake
from tests.spark.delta_tables import FIELDS, add, commit, metadata, protocol
from tests.spark.manifests import DAY, Scan, images, names


@pytest.mark.parametrize(
    ("feature", "named"), [("futureFeature", "futureFeature"), ("typeWidening", "TypeWidening")]
)
def test_a_feature_that_the_library_does_not_read_is_named(
    lake: Lake, scanned: Scan, tmp_path: Path, feature: str, named: str
) -> None:
    table = tmp_path / "t"
    commit(table, 0, protocol(feature), metadata(FIELDS), add(table, "a.parquet", images("a")))
    with pytest.raises(UserError, match=f"^the Delta table .* cannot be read: .*{named}") as raised:
        scanned(table, DAY)
    assert "\n" not in str(raised.value)
    assert lake.days("manifest") == []


def cut_in_half(table: Path) -> None:
    file = table / "_delta_log" / f"{1:020d}.json"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def emptied(table: Path) -> None:
    (table / "_delta_log" / f"{1:020d}.json").write_bytes(b"")


def without_commit(table: Path) -> None:
    (table / "_delta_log" / f"{1:020d}.json").unlink()


def without_start(table: Path) -> None:
    (table / "_delta_log" / f"{0:020d}.json").unlink()


def without_file(table: Path) -> None:
    (table / "b.parquet").unlink()


def with_broken_file(table: Path) -> None:
    (table / "b.parquet").write_bytes(b"PAR1 and no more")


@pytest.mark.parametrize(
    "tear",
    [cut_in_half, emptied, without_commit, without_start, without_file, with_broken_file],
)
def test_a_torn_table_is_refused_in_one_line_and_the_old_day_stands(
    lake: Lake, scanned: Scan, tmp_path: Path, tear: Callable[[Path], None]
) -> None:
    table = tmp_path / "t"
    commit(table, 0, protocol(), metadata(FIELDS), add(table, "a.parquet", images("a")))
    scanned(table, DAY)
    before = lake.versions("manifest")
    commit(table, 1, add(table, "b.parquet", images("b")))
    commit(table, 2, add(table, "c.parquet", images("c")))
    tear(table)
    with pytest.raises(UserError, match=r"^the Delta table .* cannot be read: ") as raised:
        scanned(table, DAY, snapshot="latest")
    assert "\n" not in str(raised.value)
    assert lake.versions("manifest") == before
    assert names(lake) == "a"


def test_a_place_that_the_library_would_take_for_another_is_refused(
    scanned: Scan, tmp_path: Path
) -> None:
    write_deltalake(tmp_path / "100%", images("a"))
    (tmp_path / "100%").rename(tmp_path / "100%25")
    write_deltalake(tmp_path / "100%", images("b"))
    with pytest.raises(UserError, match="library takes %25 for another sign: rename"):
        scanned(tmp_path / "100%25", DAY, snapshot="latest")


def test_a_table_of_hudi_is_refused(scanned: Scan, tmp_path: Path) -> None:
    (tmp_path / "t/.hoodie").mkdir(parents=True)
    (tmp_path / "t/.hoodie/hoodie.properties").write_text("hoodie.table.name=t\n")
    with pytest.raises(UserError, match="is a table of the format Hudi: export"):
        scanned(tmp_path / "t", DAY)
