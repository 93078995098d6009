"""A Milvus server that is killed in mid-search: said in one line, and the next run repairs."""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest
from py4j.protocol import Py4JError
from pymilvus import MilvusException
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import TryAgain
from imgdedup.lake import Lake
from imgdedup.runtime.explain import FAILED, explain
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.stages import body_of
from tests.external.servers.milvus import HAS_BINARY, WHY_NO_BINARY, MilvusServer, running
from tests.spark.tables import MODEL, Image, embeddings, rows_of

pytest_plugins = ["tests.spark.conftest"]
pytestmark = pytest.mark.skipif(not HAS_BINARY, reason=WHY_NO_BINARY)

DAY = "2026-01-01"
CONTENTS = 3000
_SEARCHES = re.compile(r'milvus_proxy_req_count\{[^}]*function_name="Search"[^}]*\} (\S+)')


def searches(server: MilvusServer) -> float:
    """How many searches the server was asked for, by its own count."""
    with urlopen(server.metrics, timeout=5.0) as answer:
        return sum(map(float, _SEARCHES.findall(answer.read().decode())))


def kill_after(server: MilvusServer, more: int) -> threading.Thread:
    """Kill the server once it was asked for so many searches more."""
    least = searches(server) + more

    def watch() -> None:
        while searches(server) < least:
            time.sleep(0.02)
        server.kill()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def test_a_server_killed_in_the_middle_of_a_search_is_said_and_the_next_run_finds_all(
    spark: SparkSession, tmp_path: Path, settings: Config
) -> None:
    chance = np.random.default_rng(7)
    centres = np.abs(chance.standard_normal((CONTENTS // 4, 16)))
    vectors = np.abs(np.repeat(centres, 4, axis=0) + 0.02 * chance.standard_normal((CONTENTS, 16)))
    rows = [
        Image(f"i{n}", f"c{n:05}", DAY, model=MODEL, embedding=tuple(map(float, row)))
        for n, row in enumerate(vectors)
    ]

    def stages(root: str, config: Config) -> Callable[[str], Outcome]:
        lake = Lake(spark, root)
        lake.replace("embeddings", DAY, embeddings(spark, rows).drop("dt"))

        def run(stage: str) -> Outcome:
            return run_locked(
                stage, body_of(stage), Run(spark, lake, DAY, (DAY,), "run", config, "")
            )

        return run

    with running(tmp_path / "server") as server:
        own = replace(settings.milvus, uri=server.uri, import_storage=str(tmp_path / "import"))
        config = replace(settings, milvus=own, search=replace(settings.search, query_batch=64))
        run = stages(str(tmp_path / "killed"), config)
        run("fit")
        run("index")
        killing = kill_after(server, more=5)
        with pytest.raises((Py4JError, PySparkException, MilvusException, TryAgain)) as failure:
            run("search")
        killing.join(timeout=60.0)
        said, status = explain(failure.value)
        assert status == FAILED
        assert "\n" not in said
        assert "Milvus" in said
        assert rows_of(Lake(spark, str(tmp_path / "killed")).read("candidates")) == []
        server.start()
        run("search")
        calm = stages(str(tmp_path / "calm"), config)
        for stage in ("fit", "index", "search"):
            calm(stage)
    found, whole = (
        rows_of(Lake(spark, str(tmp_path / name)).read("candidates")) for name in ("killed", "calm")
    )
    assert len(found) > CONTENTS
    assert found == whole
