"""Whether a row set fits a schema, and whether two are the same."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType


def digests(rows: DataFrame) -> dict[str, tuple[int, object]]:
    """For each `dt` the number of rows and a sum of their hashes, whatever their order."""
    compared = [name for name in rows.columns if name != "run_id"]
    hashed = rows.select("dt", F.xxhash64(*compared).cast("decimal(38,0)").alias("hash"))
    totals = hashed.groupBy("dt").agg(F.count(F.lit(1)).alias("rows"), F.sum("hash").alias("sum"))
    return {row["dt"]: (row["rows"], row["sum"]) for row in totals.collect()}


def hashable(schema: StructType) -> bool:
    """Whether Spark hashes all columns: maps it does not."""
    return "map<" not in schema.simpleString()


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
