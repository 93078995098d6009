"""Reads the datasets of a lake on this machine without Spark."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def read(root: Path, dataset: str, days: Iterable[str], columns: list[str]) -> pd.DataFrame:
    """Read columns of the partitions `days`, and `dt`; a missing partition has no rows."""
    tables = []
    for dt in days:
        for file in sorted((root / dataset / f"dt={dt}").glob("[!._]*.parquet")):
            table = pq.ParquetFile(file).read(columns=columns)
            tables.append(table.append_column("dt", pa.array([dt] * len(table), pa.string())))
    if not tables:
        return pd.DataFrame(columns=[*columns, "dt"])
    return pa.concat_tables(tables).to_pandas(maps_as_pydicts="strict")
