"""A run whose manifest is a Delta table, and whose result is another one."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from tests.pipeline.conftest import FIRST, SECOND, Photos
from tests.pipeline.jobs import WHOLE, Jobs, command, read

AFTER = "2026-01-03"  # a day that the table has not


@pytest.fixture(scope="module")
def table(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of a few images of both days, in the folder of the images."""
    folder = tmp_path_factory.mktemp("table")
    for dt in (FIRST, SECOND):
        names = [name for name in photos.of(dt) if name.startswith(("coffee", "page"))]
        for name in names:
            (folder / dt / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(photos.folder / dt / name, folder / dt / name)
        rows = {"image_id": names, "uri": [f"{dt}/{name}" for name in names]}
        dated = pa.table({**rows, "price": [1.5] * len(names), "dt": [dt] * len(names)})
        write_deltalake(folder, dated, partition_by=["dt"], mode="append")
    return folder


def stored(place: Path) -> list[tuple[str, str]]:
    rows = pa.RecordBatchReader.from_stream(DeltaTable(place).scan()).read_all().to_pylist()
    assert {row["price"] for row in rows} == {1.5}
    return sorted((row["dt"], row["image_id"]) for row in rows)


def test_a_delta_table_goes_in_and_another_comes_out(
    table: Path, tmp_path: Path, in_one_process: Jobs
) -> None:
    root, out = tmp_path / "lake", tmp_path / "out"
    chosen = {"scan.snapshot": "latest", "group.delta_table": str(out)}
    jobs = [
        command(names, root, FIRST, str(table), settings=chosen, until=AFTER) for names in WHOLE
    ]
    ended = in_one_process(jobs)
    assert [job.status for job in ended] == [0, 0, 0]
    assert any(line.startswith(f"scan: {AFTER} is left out") for line in ended[0].lines)
    assert {row["price"] for row in read(root, "manifest")} == {1.5}
    kept = sorted((row["dt"], row["image_id"]) for row in read(root, "deduplicated"))
    assert stored(out) == kept
    assert 0 < len(kept) < len(read(root, "manifest"))
    version = DeltaTable(out).version()
    (again,) = in_one_process([command("group", root, AFTER, settings=chosen)])
    assert (again.status, DeltaTable(out).version()) == (0, version)
    assert "delta days 0" in again.lines[-1]

    log = table / "_delta_log" / f"{1:020d}.json"
    log.write_bytes(log.read_bytes()[:100])
    (torn,) = in_one_process([command("scan", root, FIRST, str(table), settings=chosen)])
    assert torn.status == 2
    assert torn.lines[-1].startswith(f"error: scan: the Delta table {table} cannot be read: ")
    assert {row["dt"] for row in read(root, "manifest")} == {FIRST, SECOND}
