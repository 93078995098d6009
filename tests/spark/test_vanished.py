"""Contents that only the collection has are known to a search, and are no neighbours."""

from collections.abc import Callable

import numpy as np
import pytest
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.runtime.run import Run, run_locked
from imgdedup.stages import body_of
from imgdedup.stages.search import candidates
from imgdedup.stages.search.neighbours import NeighbourQuery, is_among
from tests.spark.tables import Image, embeddings

FIRST, SECOND = "2026-01-01", "2026-01-02"
Job = Callable[..., None]


def embed(spark: SparkSession, lake: Lake, day: str, *contents: str) -> None:
    chance = np.random.default_rng(int(day[-2:]))
    vectors = np.abs(chance.standard_normal((len(contents), 16)))
    rows = [
        Image(f"image {content}", content, day, embedding=tuple(map(float, vector)))
        for content, vector in zip(contents, vectors, strict=True)
    ]
    lake.replace("embeddings", day, embeddings(spark, rows).drop("dt"))


@pytest.fixture
def job(spark: SparkSession, lake: Lake, settings: Config) -> Job:
    def run(*stages: str) -> None:
        for stage in stages:
            run_locked(
                stage, body_of(stage), Run(spark, lake, SECOND, (SECOND,), "r", settings, "")
            )

    return run


@pytest.mark.parametrize(
    ("again", "vanished"),
    [
        ("abcde", ""),
        ("abc", "de"),
        ("abcx", "abcde"),  # x is not indexed, so the whole day waits for its own run
    ],
)
def test_a_search_knows_which_contents_of_the_collection_have_no_image(
    spark: SparkSession,
    lake: Lake,
    job: Job,
    monkeypatch: pytest.MonkeyPatch,
    again: str,
    vanished: str,
) -> None:
    embed(spark, lake, FIRST, *"abcde")
    embed(spark, lake, SECOND, *"efgh" if again == "abcde" else "fgh")
    job("fit", "index")
    embed(spark, lake, FIRST, *again)
    queries: list[NeighbourQuery] = []
    find = candidates.find_candidates

    def recorded(*given: object) -> candidates.Found:
        (query,) = (each for each in given if isinstance(each, NeighbourQuery))
        queries.append(query)
        return find(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(candidates, "find_candidates", recorded)
    job("search")
    (query,) = queries
    opened = query.vanished.open()
    assert len(query.vanished) == len(opened) == len(vanished)
    assert [one for one in "abcdefghx" if is_among(opened, one)] == list(vanished)
