"""Reads a manifest from its Parquet files: files of several schemas, and folders `column=value`."""

from collections.abc import Sequence
from functools import reduce

import pyarrow as pa
from py4j.protocol import Py4JJavaError
from pyarrow.types import is_null
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, DataFrameReader, SparkSession
from pyspark.sql.types import AtomicType, DataType, NumericType, StructField, StructType

from imgdedup.errors import UserError, first_line
from imgdedup.runtime.connectors import can_read
from imgdedup.stages.scan import arrow
from imgdedup.stages.scan.finding import has_odd_folders, is_of_days, partition_values
from imgdedup.stages.scan.footers import (
    Group,
    group_by_schema,
    require_common_types,
    require_names_apart,
)
from imgdedup.stages.scan.places import Place

_DAY = "dt"  # its folders choose the day, and are no column


def read(spark: SparkSession, places: Sequence[Place], manifest: str) -> list[DataFrame]:
    """Read the files of each place: the columns of all files, and those of their folders.

    A column that some files lack is null in their rows. Numbers get the wider type. Spark finds
    the types of folders. Raises UserError as `group_by_schema` and `require_common_types`, and for
    folders that give different columns.
    """
    groups = [group_by_schema(list(map(place.path, place.names)), manifest) for place in places]
    everywhere = [group for found in groups for group in found]
    require_common_types(everywhere, manifest)
    held = [name for group in everywhere for name in group.schema.names]
    folders = [_folder_columns(place, manifest) for place in places]
    require_names_apart([*held, *(name for found in folders for name in found)], manifest)
    try:
        return [
            _read(spark, place, found, columns, everywhere, manifest)
            for place, found, columns in zip(places, groups, folders, strict=True)
        ]
    except (PySparkException, Py4JJavaError) as error:
        raise UserError(f"Spark cannot read the manifest {manifest}: {first_line(error)}") from None


def union(frames: Sequence[DataFrame], manifest: str) -> DataFrame:
    """The rows of all frames; UserError when a column has types that have no common one."""
    found: dict[str, DataType] = {}
    for field in (field for frame in frames for field in frame.schema):
        other = found.setdefault(field.name, field.dataType)
        atomic = isinstance(field.dataType, AtomicType) and isinstance(other, AtomicType)
        if atomic and other != field.dataType and not _are_numbers(other, field.dataType):
            raise UserError(
                f'the column "{field.name}" of {manifest} is {other.simpleString()} in one place, '
                f"and {field.dataType.simpleString()} in another: give it one type"
            )
    try:
        return reduce(lambda one, other: one.unionByName(other, True), frames)
    except PySparkException as error:
        raise UserError(
            f"Spark cannot unite the files of {manifest}: {first_line(error)}"
        ) from None


def _are_numbers(*types: DataType) -> bool:
    return all(isinstance(kind, NumericType) for kind in types)


def _folder_columns(place: Place, manifest: str) -> list[str]:
    """The columns that the folders of all files give, in order."""
    found = {tuple(partition_values(name)): name for name in place.names}
    if len(found) > 1:
        one, other = list(found.values())[:2]
        raise UserError(
            f"the folders of the manifest {manifest} give different columns ({one}, {other}): "
            "all files need the same"
        )
    if (odd := next(filter(has_odd_folders, place.names), None)) is not None:
        raise UserError(
            f"the folders of the manifest {manifest} cannot be read as columns ({odd}): each "
            "column stands once, with a value, and no other folder stands between two of them"
        )
    return list(next(iter(found)))


def _read(
    spark: SparkSession,
    place: Place,
    groups: Sequence[Group],
    folders: Sequence[str],
    everywhere: Sequence[Group],
    manifest: str,
) -> DataFrame:
    """Read one place; columns that have no type in it, and have one `everywhere`, are left out."""
    twice = {name for group in groups for name in group.schema.names} & {*folders}
    if twice:
        raise UserError(
            f'the column "{min(twice)}" of the manifest {manifest} is in its files, and its '
            "folders give it, too: leave one of them out"
        )
    reads = _by_spark if can_read(spark, place.base) else _by_arrow
    typed = {f.name for group in everywhere for f in group.schema if not is_null(f.type)}
    wanted = [
        Group(pa.schema([f for f in schema if not is_null(f.type) or f.name not in typed]), files)
        for schema, files in groups
    ]
    together = union(reads(spark, place, wanted, folders), manifest)
    return together.drop(_DAY) if _DAY in folders and is_of_days(place) else together


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
        names = set(group.schema.names)
        own = [field for field in reader().parquet(group.files[0]).schema if field.name in names]
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
    return [
        arrow.read(spark, {file: values[file] for file in group.files}, group.schema, beside)
        for group in groups
    ]
