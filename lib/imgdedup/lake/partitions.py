"""Reads the lake: one Parquet dataset per name under a root, one folder per data day."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.errors import Missing
from imgdedup.lake import markers
from imgdedup.lake.digests import Digest
from imgdedup.lake.files import Files, files_of
from imgdedup.lake.schemas import DATASETS

PRIVATE = ".imgdedup"
_AT_ONCE = 16  # partitions looked at in parallel
_T = TypeVar("_T")
_DT = StructField("dt", StringType())
_DAY = re.compile(r"^dt=(\d{4}-\d{2}-\d{2})$")


class Partitions:
    """Reads the datasets under `root` (a path or Hadoop URI), and the state beside them."""

    def __init__(self, spark: SparkSession, root: str) -> None:
        self._spark = spark
        self.root = root.rstrip("/") or "/"
        self.files = files_of(spark, self.root)

    def path(self, dataset: str, dt: str) -> str:
        """Folder of one partition, whether it exists or not."""
        return f"{self.root}/{dataset}/dt={dt}"

    def days(self, dataset: str) -> list[str]:
        """The data days that have a partition, in order."""
        names = self.files.names(f"{self.root}/{dataset}")
        return sorted(day.group(1) for day in map(_DAY.match, names) if day)

    def versions(self, dataset: str) -> dict[str, str]:
        """A name for the files of each day's partition; a replaced partition has another name."""
        return self._of_each(dataset, self.days(dataset), markers.version)

    def read(self, dataset: str, days: Sequence[str] | None = None) -> DataFrame:
        """A dataset with its declared schema and `dt`: all days, or those of `days` that exist."""
        schema = with_day(dataset)
        stored = self.days(dataset)
        chosen = stored if days is None else sorted(set(days) & set(stored))
        if not chosen:
            return self.frame([], schema)
        if days is None:
            return self._reader(dataset, schema).parquet(f"{self.root}/{dataset}")
        return self._reader(dataset, schema).parquet(*(self.path(dataset, day) for day in chosen))

    def read_columns(self, dataset: str, schema: StructType, days: Sequence[str]) -> DataFrame:
        """Some columns, those of `schema`, of the partitions of `days`, which exist; and `dt`."""
        dated = StructType([*schema.fields, _DT])
        return self._reader(dataset, dated).parquet(*(self.path(dataset, day) for day in days))

    def _reader(self, dataset: str, schema: StructType) -> DataFrameReader:
        return self._spark.read.schema(schema).option("basePath", f"{self.root}/{dataset}")

    def frame(self, rows: Sequence[Mapping[str, object]], schema: StructType) -> DataFrame:
        """The DataFrame of a few rows, given by the names of the columns of `schema`.

        It needs no Python worker, whose start costs more than the rows.
        """
        columns = to_arrow_schema(schema, timezone="UTC")
        table = pa.Table.from_pylist([dict(row) for row in rows], columns)
        return self._spark.createDataFrame(table, schema)

    def read_day(self, dataset: str, dt: str) -> DataFrame:
        """One partition as it is stored, the user's own columns included, without `dt`.

        Raises Missing when there is no such partition.
        """
        if dt not in self.days(dataset):
            raise Missing(
                f"there is no partition {self.path(dataset, dt)}: run the stage that writes "
                f'"{dataset}" for {dt} first'
            )
        reader = self._spark.read
        if dataset in DATASETS:
            reader = reader.schema(DATASETS[dataset])
        return reader.parquet(self.path(dataset, dt))

    def read_state(self, name: str) -> DataFrame | None:
        """The rows last kept under a name that is no dataset and has no days; None if none."""
        path = f"{self.root}/{PRIVATE}/{name}"
        return self._spark.read.parquet(path) if self.files.exists(path) else None

    def read_text(self, name: str) -> str | None:
        """The text last kept under a name; None if none."""
        return self.files.read(f"{self.root}/{PRIVATE}/{name}")

    def rows(self, dataset: str) -> int:
        """The number of rows of all partitions, by their markers."""
        found = self._of_each(dataset, self.days(dataset), markers.rows)
        return sum(rows or 0 for rows in found.values())

    def marked_rows(self, dataset: str, dt: str) -> int | None:
        """The number of rows of a partition, by its marker; None without a marker."""
        return markers.rows(self.files, self.path(dataset, dt))

    def digests(self, dataset: str, days: Iterable[str]) -> dict[str, Digest | None]:
        """The digests of the partitions of `days`, by their markers; None without a marker."""
        return self._of_each(dataset, days, markers.digest)

    def fault(self, dataset: str, dt: str) -> str | None:
        """What is wrong with a partition that a stage wrote, in words; None when it is whole."""
        return markers.fault(self.files, self.path(dataset, dt))

    def faults(self, dataset: str, days: Iterable[str]) -> dict[str, str]:
        """What is wrong with the partitions of `days`, by day; whole partitions are left out."""
        found = self._of_each(dataset, days, markers.fault)
        return {day: fault for day, fault in found.items() if fault is not None}

    def _of_each(
        self, dataset: str, days: Iterable[str], ask: Callable[[Files, str], _T]
    ) -> dict[str, _T]:
        """Look at partitions in parallel, since an object store answers slowly."""
        wanted = list(days)
        paths = (self.path(dataset, day) for day in wanted)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = pool.map(lambda path: ask(self.files, path), paths)
            return dict(zip(wanted, answers, strict=True))


def with_day(dataset: str) -> StructType:
    """The declared schema of a dataset, and `dt`."""
    return StructType([*DATASETS[dataset].fields, _DT])
