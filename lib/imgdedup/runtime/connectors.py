"""What Spark can read and write by itself: it needs a connector for each kind of store."""

import re
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from imgdedup.errors import UserError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def can_read(spark: SparkSession, place: str) -> bool:
    """Whether Spark has a connector for a path or URI."""
    found = _SCHEME.match(place)
    if found is None:
        return True
    conf = spark.sparkContext._jsc.hadoopConfiguration()
    try:
        _hadoop(spark).fs.FileSystem.getFileSystemClass(found[1], conf)
    except Py4JJavaError:
        return False
    return True


def _hadoop(spark: SparkSession) -> Any:
    jvm: Any = spark.sparkContext._jvm
    return jvm.org.apache.hadoop


def require_connector(spark: SparkSession, root: str) -> None:
    """Raise UserError, which says what to add, when Spark cannot write to the root."""
    if can_read(spark, root):
        return
    scheme = root.partition("://")[0]
    if scheme in ("s3", "s3n"):
        raise UserError(f"Spark writes to S3 under the name s3a:// alone: correct the root {root}")
    if scheme == "s3a":
        version = _hadoop(spark).util.VersionInfo.getVersion()
        jars = f"org.apache.hadoop:hadoop-aws:{version}"
        raise UserError(
            f"Spark has no connector for the root {root}: set spark.jars.packages to {jars}, or "
            f"give hadoop-aws-{version}.jar and the AWS SDK bundle that it needs with --jars"
        )
    raise UserError(
        f"Spark has no connector for the root {root}: name its jars in spark.jars.packages, or "
        "give them with --jars"
    )
