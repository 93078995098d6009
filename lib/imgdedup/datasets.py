"""The lake: one Parquet dataset per name under a root, one folder per data day.

A partition is replaced whole. It is written to a staging folder beside the datasets first and
swapped in by two renames, so a reader never sees a half-written one where a rename of a folder is
atomic (local disks, HDFS); on object stores, where it copies, the swap is short but not atomic.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.errors import UserError
from imgdedup.schemas import DATASETS

PRIVATE = ".imgdedup"
STAGING = f"{PRIVATE}/staging"
_DAY = re.compile(r"^dt=(\d{4}-\d{2}-\d{2})$")


@dataclass(frozen=True)
class Staged:
    """All days of a dataset, written but not yet visible."""

    dataset: str
    path: str
    rows: DataFrame  # with `dt`
    changed: list[str]  # days whose stored partition differs
    days: frozenset[str]  # days that have rows


class Lake:
    """Reads and replaces the partitions of the datasets under `root` (a path or Hadoop URI)."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self._spark = spark
        self.root = root.rstrip("/") or "/"

    def path(self, dataset: str, dt: str) -> str:
        """Folder of one partition, whether it exists or not."""
        return f"{self.root}/{dataset}/dt={dt}"

    def days(self, dataset: str) -> list[str]:
        """The data days that have a partition, in order."""
        folder = f"{self.root}/{dataset}"
        if not self._exists(folder):
            return []
        names = (status.getPath().getName() for status in self._list(folder))
        return sorted(day.group(1) for day in map(_DAY.match, names) if day)

    def read(self, dataset: str) -> DataFrame:
        """All days of a dataset with its declared schema and `dt`; no rows when there are none."""
        schema = StructType([*DATASETS[dataset].fields, StructField("dt", StringType())])
        if not self.days(dataset):
            return self._spark.createDataFrame([], schema)
        return self._spark.read.schema(schema).parquet(f"{self.root}/{dataset}")

    def read_day(self, dataset: str, dt: str) -> DataFrame:
        """One partition as it is stored, the user's own columns included, without `dt`.

        Raises UserError when there is no such partition.
        """
        if dt not in self.days(dataset):
            raise UserError(
                f"there is no partition {self.path(dataset, dt)}: run the stage that writes "
                f'"{dataset}" for {dt} first'
            )
        reader = self._spark.read
        if dataset in DATASETS:
            reader = reader.schema(DATASETS[dataset])
        return reader.parquet(self.path(dataset, dt))

    def replace(
        self,
        dataset: str,
        dt: str,
        rows: DataFrame,
        *,
        expected_rows: int | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> int:
        """Replace one partition by `rows`, an empty result too, and return the number of rows.

        A declared dataset is cut to its schema; a row set of other types is refused. When the
        staged rows are not `expected_rows` (RuntimeError says both numbers), or `check`, called
        after they were written, raises, the old partition stands.
        """
        if dataset in DATASETS:
            rows = conform(rows, DATASETS[dataset])
        staged = f"{self.root}/{STAGING}/{dataset}/dt={dt}"
        rows.write.mode("overwrite").parquet(staged)
        written = self._spark.read.schema(rows.schema).parquet(staged).count()
        if expected_rows is not None and written != expected_rows:
            raise RuntimeError(
                f"{dataset} of {dt}: {written:,} rows written where {expected_rows:,} were "
                "expected; the old partition stands"
            )
        check()
        self._swap(staged, self.path(dataset, dt))
        return written

    def stage_changed(self, dataset: str, dt: str, rows: DataFrame) -> "Staged":
        """Write `rows`, which holds all days in its column `dt`, beside the dataset and compare.

        A day has changed when its rows differ, `run_id` aside: a partition keeps the id of the run
        that last changed it. Days without rows become empty, and the partition of `dt` will exist
        in any case. Nothing is visible before `publish`.
        """
        schema = StructType([*DATASETS[dataset].fields, StructField("dt", StringType())])
        staged = f"{self.root}/{STAGING}/{dataset}"
        conform(rows, schema).repartition("dt").write.mode("overwrite").partitionBy("dt").parquet(
            staged
        )
        written = self._spark.read.schema(schema).parquet(staged)
        stored = self.days(dataset)
        before, after = _digests(self.read(dataset)), _digests(written)
        changed = [
            day
            for day in sorted({dt, *stored, *after})
            if day not in stored or before.get(day) != after.get(day)
        ]
        return Staged(dataset, staged, written, changed, frozenset(after))

    def publish(self, staged: "Staged") -> None:
        """Swap the changed partitions of `staged` in."""
        empty = self._spark.createDataFrame([], DATASETS[staged.dataset])
        for day in staged.changed:
            if day in staged.days:
                self._swap(f"{staged.path}/dt={day}", self.path(staged.dataset, day))
            else:
                self.replace(staged.dataset, day, empty)
        self._fs.delete(self._hadoop_path(staged.path), True)

    def append_run(self, dt: str, row: DataFrame) -> None:
        """Add rows to the `runs` dataset, the one that is never replaced."""
        conform(row, DATASETS["runs"]).coalesce(1).write.mode("append").parquet(
            self.path("runs", dt)
        )

    def read_state(self, name: str) -> DataFrame | None:
        """What was last kept under a name that is no dataset and has no days; None if nothing."""
        path = f"{self.root}/{PRIVATE}/{name}"
        return self._spark.read.parquet(path) if self._exists(path) else None

    def keep_state(self, name: str, rows: DataFrame) -> None:
        """Keep `rows` under a name, in place of what was there."""
        staged = f"{self.root}/{STAGING}/{name}"
        rows.coalesce(1).write.mode("overwrite").parquet(staged)
        self._swap(staged, f"{self.root}/{PRIVATE}/{name}")

    def rename_state(self, name: str, other: str) -> None:
        """Move what is kept under `name` to `other`, in place of what was there."""
        self._swap(f"{self.root}/{PRIVATE}/{name}", f"{self.root}/{PRIVATE}/{other}")

    def _swap(self, staged: str, target: str) -> None:
        old = self._hadoop_path(f"{staged}.old")
        new, place = self._hadoop_path(staged), self._hadoop_path(target)
        self._fs.mkdirs(place.getParent())
        self._fs.delete(old, True)
        if self._fs.exists(place) and not self._fs.rename(place, old):
            raise UserError(f"cannot move the old partition {target} aside: is it read-only?")
        if not self._fs.rename(new, place):
            raise UserError(f"cannot move the new partition to {target}: is it read-only?")
        self._fs.delete(old, True)

    @property
    def _fs(self) -> Any:
        hadoop = self._spark.sparkContext._jsc.hadoopConfiguration()
        return self._hadoop_path(self.root).getFileSystem(hadoop)

    def _hadoop_path(self, path: str) -> Any:
        jvm: Any = self._spark.sparkContext._jvm
        return jvm.org.apache.hadoop.fs.Path(path)

    def _exists(self, path: str) -> bool:
        return bool(self._fs.exists(self._hadoop_path(path)))

    def _list(self, path: str) -> Iterable[Any]:
        return self._fs.listStatus(self._hadoop_path(path))


def _digests(rows: DataFrame) -> dict[str, tuple[int, Any]]:
    """For each day the number of rows and a sum of their hashes, whatever their order."""
    compared = [name for name in rows.columns if name != "run_id"]
    hashed = rows.select("dt", F.xxhash64(*compared).cast("decimal(38,0)").alias("hash"))
    totals = hashed.groupBy("dt").agg(F.count(F.lit(1)).alias("rows"), F.sum("hash").alias("sum"))
    return {row["dt"]: (row["rows"], row["sum"]) for row in totals.collect()}


def conform(rows: DataFrame, schema: StructType) -> DataFrame:
    """Select the columns of `schema` in order; TypeError names those missing or of another type."""
    have = {field.name: field.dataType for field in rows.schema.fields}
    wrong = [
        f"{field.name} ({have.get(field.name)}, not {field.dataType})"
        for field in schema.fields
        if have.get(field.name) != field.dataType
    ]
    if wrong:
        raise TypeError(f"columns do not fit the dataset: {', '.join(wrong)}")
    return rows.select(*(F.col(field.name) for field in schema.fields))
