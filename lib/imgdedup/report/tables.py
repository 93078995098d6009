"""The datasets under a root as views of DuckDB: read without Spark, from a folder or a store.

A dataset that is not there is an empty view. Columns that an earlier version did not write are
null. The table `reviews`, which people write, is checked when it is opened.
"""

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs
from pyspark.sql.pandas.types import to_arrow_schema

from imgdedup.errors import UserError
from imgdedup.lake.schemas import DATASETS
from imgdedup.relations import reviews
from imgdedup.sources import local_path, object_store

_DAY = re.compile(r"/dt=(\d{4}-\d\d-\d\d)/[^/._][^/]*\.parquet$")
_DT = pa.field("dt", pa.string())
_TEXT = pa.field("column", pa.string())
_FOOTERS = 16  # files read at once, which for an object store is waiting alone


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
        if name == reviews.FOLDER:
            connection.register(name, reviews_of(system, folder))
        else:
            connection.register(name, dataset(system, f"{folder}/{name}", name))
    return connection


def read(root: str | Path, name: str, days: Iterable[str], columns: list[str]) -> pd.DataFrame:
    """Columns of some days of a dataset, and `dt`; a missing partition has no rows."""
    system, folder = file_system(str(root))
    files = files_of(system, f"{folder}/{name}", days)
    table = _of_files(system, f"{folder}/{name}", name, files).to_table([*columns, "dt"])
    return table.to_pandas(maps_as_pydicts="strict")


def reviews_of(system: fs.FileSystem, root: str) -> pa.Table:
    """The reviews under a root: the columns of REVIEWS, the lesser content left.

    Raises UserError that names a file when the file is malformed.
    """
    chosen = fs.FileSelector(f"{root}/{reviews.FOLDER}", allow_not_found=True)
    found = [info for info in system.get_file_info(chosen) if reviews.is_file(info.base_name)]
    tables = [reviews.REVIEWS.empty_table()]
    for info in sorted(found, key=lambda info: info.base_name):
        if not info.is_file:
            raise reviews.no_file(f"{reviews.FOLDER}/{info.base_name}")
        with system.open_input_stream(info.path, compression=None) as stream:
            tables.append(reviews.read(stream.read(), f"{reviews.FOLDER}/{info.base_name}"))
    return pa.concat_tables(tables)


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
    return _of_files(system, folder, name, files_of(system, folder))


def _of_files(system: fs.FileSystem, folder: str, name: str, files: Sequence[str]) -> ds.Dataset:
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


def files_of(system: fs.FileSystem, folder: str, days: Iterable[str] | None = None) -> list[str]:
    """The files of the data days in a folder, in order; of `days` alone if they are given."""
    folders = [folder] if days is None else [f"{folder}/dt={dt}" for dt in days]
    chosen = (fs.FileSelector(each, recursive=True, allow_not_found=True) for each in folders)
    infos = chain.from_iterable(map(system.get_file_info, chosen))
    return sorted(info.path for info in infos if info.is_file and _DAY.search(info.path))


def _united(system: fs.FileSystem, files: Sequence[str]) -> pa.Schema:
    """The columns of all files, each with the widest of its types.

    A column whose types differ otherwise is text. It is left out where one of them is nested.
    """
    form = ds.ParquetFileFormat()
    types: dict[str, set[pa.DataType]] = {"image_id": set(), "uri": set()}
    with ThreadPoolExecutor(_FOOTERS) as threads:
        for schema in threads.map(lambda file: form.inspect(file, filesystem=system), files):
            for field in schema:
                types.setdefault(field.name, set()).add(field.type)
    widest = ((name, _widest(found)) for name, found in types.items())
    return pa.schema([(name, kind) for name, kind in widest if kind is not None])


def _widest(types: set[pa.DataType]) -> pa.DataType | None:
    schemas = [pa.schema([("column", kind)]) for kind in types]
    try:
        (field,) = pa.unify_schemas(schemas, promote_options="permissive") if schemas else [_TEXT]
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return None if any(map(pa.types.is_nested, types)) else pa.string()
    return field.type
