"""Writes small manifests in Parquet, and reads them as scan does."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from imgdedup.config import ScanConfig
from imgdedup.stages.scan.finding import Parquet, find
from imgdedup.stages.scan.stage import read_parquet

CONFIG = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=False)
DAY = "2026-01-01"


def write(file: Path, ids: Sequence[str], **columns: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    data = {"image_id": ids, "uri": [f"/{name}" for name in ids], **columns}
    pq.write_table(pa.table(data), file)


def read(spark: SparkSession, location: object, config: ScanConfig = CONFIG) -> DataFrame:
    found = find(str(location), DAY, config)
    assert isinstance(found, Parquet)
    return read_parquet(spark, found, str(location), config)


def rows(manifest: DataFrame) -> list[Mapping[str, Any]]:
    return [row.asDict() for row in manifest.sort("image_id").collect()]
