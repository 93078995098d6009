"""How a session suits the size of its tables."""

from dataclasses import replace

import pytest
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.runtime.session import suit_to_size

CODEGEN = ("spark.sql.codegen.wholeStage", "spark.sql.codegen.factoryMode")


@pytest.fixture
def codegen(spark: SparkSession) -> SparkSession:
    """A session of its own settings over the shared context."""
    return spark.newSession()


@pytest.mark.parametrize(
    ("rows", "expected"), [(99, ["false", "NO_CODEGEN"]), (100, ["true", "FALLBACK"])]
)
def test_small_tables_are_interpreted(
    codegen: SparkSession, settings: Config, rows: int, expected: list[str]
) -> None:
    limited = replace(settings, spark=replace(settings.spark, interpreted_rows=100))
    suit_to_size(codegen, rows, limited)
    assert [codegen.conf.get(name) for name in CODEGEN] == expected
    assert codegen.range(rows).groupBy().sum("id").collect()[0][0] == sum(range(rows))


def test_without_a_limit_the_session_keeps_its_settings(
    codegen: SparkSession, settings: Config
) -> None:
    codegen.conf.set(CODEGEN[0], "true")
    suit_to_size(codegen, 5, replace(settings, spark=replace(settings.spark, interpreted_rows=0)))
    assert codegen.conf.get(CODEGEN[0]) == "true"
