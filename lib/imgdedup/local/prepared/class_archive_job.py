"""The Spark job whose classes are archived: a little of everything that the stages ask of Spark.

spark-submit class_archive_job.py FOLDER      FOLDER is for its tables
"""

import sys
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, Observation, SparkSession, Window
from pyspark.sql import functions as F


def unchanged(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return the batches as they come."""
    return batches


def both(left: pa.Table, right: pa.Table) -> pa.Table:
    """Return the rows of the left side."""
    return left


def run(spark: SparkSession, folder: str) -> None:
    """Use each of the operations once or twice."""
    rows = pa.table({"id": ["a", "b", "c"], "other": ["b", "c", "d"], "size": [1, 2, 3]})
    schema = "id STRING, other STRING, size LONG"
    table = spark.createDataFrame(rows).withColumn("dt", F.lit("2026-01-01"))
    table = table.withColumn("items", F.array(F.struct("size", "other")))
    observed = Observation()
    path = f"{folder}/table"
    table.observe(observed, F.count("*").alias("rows")).write.partitionBy("dt").parquet(path)
    stored = spark.read.parquet(path).drop("items", "dt")
    _joined(spark, stored).localCheckpoint().toArrow()
    stored.repartition(2, "id").mapInArrow(unchanged, schema).collect()
    sides = stored.groupBy("id").cogroup(stored.groupBy("other"))
    sides.applyInArrow(both, schema).count()
    empty = spark.createDataFrame([], stored.schema).unionByName(stored).exceptAll(stored)
    empty.write.mode("overwrite").parquet(f"{folder}/empty")
    assert observed.get["rows"] == rows.num_rows


def _joined(spark: SparkSession, stored: DataFrame) -> DataFrame:
    """Return the rows joined, grouped, ranked and counted, by broadcast and by shuffle."""
    others = stored.select(F.col("other").alias("id"), F.col("size").alias("more"))
    found = stored.join(others, "id", "left").join(others, "id", "left_semi")
    spark.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")
    found = found.join(others.withColumnRenamed("more", "again"), "id", "full")
    found = found.join(stored, "id", "left_anti").union(found).distinct()
    ranked = found.withColumn("rank", F.row_number().over(Window.partitionBy("id").orderBy("size")))
    sums = ranked.groupBy("id").agg(
        F.min("size").alias("least"),
        F.sum("rank").alias("rank"),
        F.max(F.struct("size", "id")).alias("last"),
        F.collect_list("other").alias("others"),
        F.countDistinct("other").alias("distinct"),
    )
    hashed = sums.withColumn("hash", F.xxhash64("id") % 7).withColumn("one", F.explode("others"))
    return hashed.select("id", "hash", F.coalesce("least", F.lit(0)), F.upper("one")).orderBy("id")


if __name__ == "__main__":
    session = SparkSession.builder.config("spark.ui.enabled", "false").getOrCreate()
    run(session, sys.argv[1])
    session.stop()
