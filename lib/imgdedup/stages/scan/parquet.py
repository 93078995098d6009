"""Reads a manifest from its Parquet files: files of several schemas, and folders `column=value`."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql.types import StructField, StructType

from imgdedup.errors import UserError
from imgdedup.runtime.connectors import can_read
from imgdedup.stages.scan import arrow
from imgdedup.stages.scan.finding import partition_values
from imgdedup.stages.scan.footers import Group, group_by_schema, require_names_apart
from imgdedup.stages.scan.places import Place

_DAY = "dt"  # its folders choose the day, and are no column


def read(spark: SparkSession, place: Place, manifest: str) -> DataFrame:
    """Read the files of one place: the columns of all files, and those of its folders.

    A column that some files lack is null in their rows. Numbers get the wider type. Spark finds
    the types of folders. Raises UserError as `group_by_schema`, and for folders that give different
    columns.
    """
    folders = _folder_columns(place, manifest)
    groups = group_by_schema([place.path(name) for name in place.names], manifest)
    held = [name for group in groups for name in group.schema.names if name not in folders]
    require_names_apart([*folders, *held], manifest)
    reads = _by_spark if can_read(spark, place.base) else _by_arrow
    try:
        return union(reads(spark, place, groups, folders), manifest).drop(_DAY)
    except (PySparkException, Py4JJavaError) as error:
        raise UserError(f"Spark cannot read the manifest {manifest}: {_why(error)}") from None


def union(frames: Sequence[DataFrame], manifest: str) -> DataFrame:
    """The rows of all frames; UserError when a column has types that have no common one."""
    require_names_apart([name for frame in frames for name in frame.columns], manifest)
    try:
        return reduce(lambda one, other: one.unionByName(other, True), frames)
    except PySparkException as error:
        raise UserError(f"Spark cannot unite the files of {manifest}: {_why(error)}") from None


def _folder_columns(place: Place, manifest: str) -> list[str]:
    """The columns that the folders of all files give, in order."""
    found = {tuple(partition_values(name)): name for name in place.names}
    if len(found) > 1:
        one, other = list(found.values())[:2]
        raise UserError(
            f"the folders of the manifest {manifest} give different columns ({one}, {other}): "
            "all files need the same"
        )
    return list(next(iter(found)))


def _by_spark(
    spark: SparkSession, place: Place, groups: Sequence[Group], folders: Sequence[str]
) -> list[DataFrame]:
    """The rows of each group of files, read by Spark, which finds the types of folders."""

    def reader() -> DataFrameReader:
        # Names of files are no patterns here. Spark uses this option itself, for lists of files.
        return spark.read.option("basePath", place.base).option("__globPaths__", "false")

    beside = []
    if folders:
        found = reader().parquet(*(file for group in groups for file in group.files)).schema
        beside = [found[name] for name in folders]
    frames = []
    for group in groups:
        left_out = {*folders, *_without_type(group, groups)}
        own = [f for f in reader().parquet(group.files[0]).schema if f.name not in left_out]
        frames.append(reader().schema(StructType([*own, *beside])).parquet(*group.files))
    return frames


def _by_arrow(
    spark: SparkSession, place: Place, groups: Sequence[Group], folders: Sequence[str]
) -> list[DataFrame]:
    """The rows of each group of files, where Spark has no connector."""
    values = {place.path(name): partition_values(name) for name in place.names}
    beside = [
        StructField(name, arrow.type_of([found[name] for found in values.values()]))
        for name in folders
    ]
    frames = []
    for group in groups:
        left_out = {*folders, *_without_type(group, groups)}
        own = pa.schema([field for field in group.schema if field.name not in left_out])
        files = {file: values[file] for file in group.files}
        frames.append(arrow.read(spark, files, own, beside))
    return frames


def _without_type(group: Group, groups: Sequence[Group]) -> set[str]:
    """The columns of a group that have no type, only nulls, and have a type in other groups."""
    typed = {
        field.name for one in groups for field in one.schema if not pa.types.is_null(field.type)
    }
    return {field.name for field in group.schema if pa.types.is_null(field.type)} & typed


def _why(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
