"""A root in a store for which Spark has no connector is refused before any work."""

import re
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from imgdedup.errors import UserError
from imgdedup.runtime.connectors import can_read, require_connector


def test_paths_and_known_schemes_need_no_connector(spark: SparkSession, tmp_path: Path) -> None:
    assert all(can_read(spark, place) for place in (str(tmp_path), tmp_path.as_uri(), "file:/a"))
    require_connector(spark, str(tmp_path))


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("s3a://bucket/dedup", r"set spark.jars.packages to org.apache.hadoop:hadoop-aws:\d"),
        ("s3://bucket/dedup", "under the name s3a:// alone"),
        ("gs://bucket/dedup", "name its jars in spark.jars.packages"),
    ],
)
def test_a_root_without_a_connector_is_refused(spark: SparkSession, root: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        require_connector(spark, root)
    assert root in str(refused.value)


def test_the_connector_for_s3_has_the_version_of_sparks_hadoop(spark: SparkSession) -> None:
    with pytest.raises(UserError) as refused:
        require_connector(spark, "s3a://bucket/dedup")
    (named,) = set(re.findall(r"hadoop-aws.(\d[\d.]*\d)", str(refused.value)))
    jars = Path(spark._jvm.System.getProperty("java.class.path").split(":")[1])  # type: ignore[union-attr]
    assert list(jars.parent.glob(f"hadoop-client-api-{named}.jar"))
