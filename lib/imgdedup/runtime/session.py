"""The Spark session of a job."""

import os
import re

from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import UserError
from imgdedup.runtime import shipping


def start_session(job: str, dt: str, config: Config) -> SparkSession:
    """Start the session of one job with the properties of its configuration.

    spark-submit chooses the master. A task of the job `embed` takes all cores of its executor, so
    that one model uses all of them, unless `embed.task_cpus` says otherwise. Executors of a cluster
    get the code of this package. Raises UserError when a cluster has no Milvus server.
    """
    python = config.spark.properties.get("spark.pyspark.python")
    if python:
        os.environ["PYSPARK_PYTHON"] = python  # the driver tells it to the executors
    properties = {
        "spark.sql.session.timeZone": "UTC",
        # Spark's default is a type that no other writer uses, and whose zone other readers lose.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.shuffle.partitions": str(config.spark.shuffle_partitions),
        # Threads of numpy's matrix products in a worker. Our own threads use the cores already.
        # Spark would set the cores of a task, and products of a few rows would then wait for each
        # other: embedding took twice the CPU time.
        "spark.executorEnv.OMP_NUM_THREADS": "1",
        **config.spark.properties,
    }
    if job == "embed":
        SparkContext._ensure_initialized()  # only the JVM knows spark-submit's options
        cores = config.embed.task_cpus or _executor_cores(SparkConf())
        properties |= {"spark.task.cpus": str(cores), **config.spark.embed_properties}
    builder = SparkSession.builder.appName(f"imgdedup {job} {dt}")
    for key, value in properties.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    if not str(spark.sparkContext.master).startswith("local"):
        if not config.milvus.uri:
            raise UserError("a cluster needs a Milvus server: set milvus.uri to its address")
        shipping.ship_package(spark)
    return spark


def suit_to_size(spark: SparkSession, rows: int, config: Config) -> None:
    """Let Spark interpret its plans on a corpus of few `rows`, and compile them on a larger one.

    The results are the same. On small tables, to write and to compile code takes longer than the
    rows.
    """
    if config.spark.interpreted_rows:
        compiles = rows >= config.spark.interpreted_rows
        spark.conf.set("spark.sql.codegen.wholeStage", str(compiles).lower())
        spark.conf.set("spark.sql.codegen.factoryMode", "FALLBACK" if compiles else "NO_CODEGEN")


def _executor_cores(conf: SparkConf) -> int:
    """Cores of one executor, from the master's address or the property of a cluster."""
    local = re.match(r"local(?:\[(\d+|\*)(?:,\d+)?\])?$", conf.get("spark.master") or "")
    if local is None:
        return int(conf.get("spark.executor.cores") or 1)
    if local.group(1) == "*":
        return os.cpu_count() or 1
    return int(local.group(1) or 1)
