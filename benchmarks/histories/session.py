"""The Spark session of the histories: for small tables, in this process."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.spark import environment


@contextmanager
def session(folder: Path) -> Iterator[SparkSession]:
    """A session with one core that keeps its files in `folder`."""
    os.environ |= environment(folder / "local", brief=False)
    properties = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-Xmn500m",
        "spark.sql.adaptive.enabled": "false",
        # A broadcast, or a filter built for a join, would be one more job.
        "spark.sql.autoBroadcastJoinThreshold": "-1",
        "spark.sql.optimizer.runtime.bloomFilter.enabled": "false",
        "spark.sql.constraintPropagation.enabled": "false",
        # Small tables are read sooner than code for them is generated and compiled.
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    builder = SparkSession.builder.master("local[1]").appName("imgdedup histories")
    for key, value in properties.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    try:
        yield spark
    finally:
        spark.stop()
