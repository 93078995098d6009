"""The datasets under a root as views of DuckDB: read without Spark, from a folder or a store.

A dataset that is not there is an empty view. Columns that an earlier version did not write are
null.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.errors import UserError
from imgdedup.lake.schemas import DATASETS
from imgdedup.sources import local_path, object_store

_DAY = re.compile(r"/dt=(\d{4}-\d\d-\d\d)/[^/._][^/]*\.parquet$")
_DT = pa.field("dt", pa.string())


def connected(root: str, datasets: Iterable[str]) -> duckdb.DuckDBPyConnection:
    """A connection whose views are the `datasets` of a root (a path or a uri), with `dt`.

    The view of a dataset has its name. Raises UserError when there is no lake under the root.
    """
    system, folder = file_system(root)
    wanted = list(datasets)
    if not any(system.get_file_info(f"{folder}/{name}").type for name in DATASETS):
        raise UserError(f"there are no tables under {root}: correct OUT (--root)")
    connection = duckdb.connect()
    for name in wanted:
        connection.register(name, dataset(system, f"{folder}/{name}", name))
    return connection


def file_system(root: str) -> tuple[fs.FileSystem, str]:
    """The file system of a root and its path there; UserError when nothing reads it."""
    local = local_path(root)
    if local is not None:
        return fs.LocalFileSystem(), str(Path(local).resolve())
    try:
        system, folder = object_store(root)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot open the root {root}: {error}") from None
    return system, folder.rstrip("/")


def dataset(system: fs.FileSystem, folder: str, name: str) -> ds.Dataset:
    """The dataset `name` in a folder; `manifest` and `deduplicated` with all columns they have."""
    files = files_of(system, folder)
    known = name in DATASETS
    declared = to_arrow_schema(DATASETS[name], timezone="UTC") if known else _united(system, files)
    schema = declared.append(_DT)
    if not files:
        return ds.dataset(schema.empty_table())
    return ds.dataset(
        files,
        schema=schema,
        format="parquet",
        filesystem=system,
        partition_base_dir=folder,
        partitioning=ds.partitioning(pa.schema([_DT]), flavor="hive"),
    )


def files_of(system: fs.FileSystem, folder: str) -> list[str]:
    """The files of the data days in a folder, in order."""
    chosen = fs.FileSelector(folder, recursive=True, allow_not_found=True)
    found = (info.path for info in system.get_file_info(chosen) if info.is_file)
    return sorted(path for path in found if _DAY.search(path))


def _united(system: fs.FileSystem, files: Sequence[str]) -> pa.Schema:
    """The columns of all files, each with the widest of its types."""
    form = ds.ParquetFileFormat()
    found = [form.inspect(file, filesystem=system) for file in files]
    if not found:
        return pa.schema([("image_id", pa.string()), ("uri", pa.string())])
    return pa.unify_schemas(found, promote_options="permissive")
