"""One Spark session on this machine for all tests of this folder."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from benchmarks.spark import environment
from imgdedup import config
from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.stages import scan

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    folder = tmp_path_factory.mktemp("spark")
    properties = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Small tables are read sooner than code for them is generated and compiled.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.local.dir": f"{folder}/local",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.ui.enabled": "false",
    }
    builder = SparkSession.builder.master("local[2]").appName("imgdedup tests")
    for key, value in properties.items():
        builder = builder.config(key, value)
    # This JVM lives for minutes, so the second compiler pays off.
    lasting = environment(folder / "local", brief=False)["SPARK_SUBMIT_OPTS"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_SUBMIT_OPTS", lasting)
        session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    # py4j logs its end after pytest has closed the stream of the log.
    logging.getLogger("py4j").setLevel(logging.WARNING)
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    return Lake(spark, str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def settings() -> Config:
    return config.load(REPOSITORY / "conf", "local", {})


@pytest.fixture
def scanned(spark: SparkSession, lake: Lake, settings: Config) -> Callable[..., Outcome]:
    """Runs scan on a place for a day, under its lock, with other values of its settings."""

    def run(place: Path, dt: str, **chosen: Any) -> Outcome:
        config = replace(settings, scan=replace(settings.scan, **chosen))
        return run_locked("scan", scan.run, Run(spark, lake, dt, (dt,), "run", config, str(place)))

    return run
