"""fit, index and search as jobs: a projection is pinned until a refit, which can be killed."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pymilvus import MilvusClient
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.errors import UserError
from imgdedup.lake import Lake, commit
from imgdedup.milvus.embedded import serving
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.settling.pinned import is_refitting, read_projection
from imgdedup.space.projection import Projection
from imgdedup.stages import body_of
from tests.spark.tables import MODEL, Image, embeddings, rows_of

DAYS = ("2026-01-01", "2026-01-02")
Job = Callable[..., Outcome]


def images(day: str, count: int, model: str = MODEL) -> list[Image]:
    chance = np.random.default_rng(int(day[-2:]))
    vectors = np.abs(chance.standard_normal((count, 16)))
    return [
        Image(f"{day} {n:03}", f"{day}-{n:03}", day, model=model, embedding=tuple(map(float, row)))
        for n, row in enumerate(vectors)
    ]


def embed(spark: SparkSession, lake: Lake, rows: list[Image]) -> None:
    lake.replace("embeddings", rows[0].dt, embeddings(spark, rows).drop("dt"))


@pytest.fixture
def job(spark: SparkSession, lake: Lake, settings: Config) -> Job:
    """Runs a stage of a day as its job does, with other values of the section `fit`."""

    def run(stage: str, dt: str = DAYS[0], **values: Any) -> Outcome:
        chosen = replace(settings, fit=replace(settings.fit, **values))
        return run_locked(stage, body_of(stage), Run(spark, lake, dt, (dt,), "run", chosen, ""))

    return run


def all_stages(job: Job, dt: str = DAYS[0], **values: Any) -> list[Outcome]:
    return [job(stage, dt, **values) for stage in ("fit", "index", "search")]


def projections(lake: Lake) -> set[str]:
    return {row["projection"] for row in rows_of(lake.read("candidates"))}


def collections(lake: Lake, settings: Config) -> dict[str, int]:
    """The vectors in each collection of the root, by its name."""
    with (
        serving(settings.milvus, lake.root, "m", "p") as address,
        closing(MilvusClient(uri=address.uri)) as client,
    ):
        names = [str(name) for name in client.list_collections()]
        counts = {}
        for name in names:
            with closing(replace(address, collection=name).connect()) as each:
                counts[name] = each.count()
        return counts


def working(lake: Lake) -> Projection:
    found = read_projection(lake)
    assert found is not None
    return found


def test_a_projection_is_kept_as_it_was_fitted(spark: SparkSession, lake: Lake, job: Job) -> None:
    embed(spark, lake, images(DAYS[0], 90))
    outcome = job("fit")
    first = working(lake)
    assert first.fingerprint == outcome.details["projection"]
    assert (first.fitted_images, first.expected_images, first.dims) == (90, 180, 16)
    assert outcome.rows_out == 1
    embed(spark, lake, images(DAYS[1], 100))
    again = job("fit", DAYS[1])
    assert working(lake).fingerprint == first.fingerprint
    assert again.rows_out == 0
    assert again.details["outgrown"] is True


def test_a_refit_asks_all_contents_again_and_drops_what_it_replaces(
    spark: SparkSession, lake: Lake, job: Job, settings: Config
) -> None:
    for dt in DAYS:
        embed(spark, lake, images(dt, 30))
        all_stages(job, dt)
    old = working(lake).fingerprint
    assert projections(lake) == {old}
    before = rows_of(lake.read("candidates"))
    fitted, _, searched = all_stages(job, refit=True)
    new = working(lake).fingerprint
    assert fitted.details["projection"] == new != old
    assert projections(lake) == {new}
    assert searched.rows_in == 60
    assert not is_refitting(lake)
    (kept,) = collections(lake, settings).items()
    assert (kept[0].endswith(new), kept[1]) == (True, 60)
    assert rows_of(lake.read("candidates")) != before


def test_a_refit_that_was_killed_and_run_again_ends_the_same(
    spark: SparkSession, lake: Lake, job: Job, settings: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dt in DAYS:
        embed(spark, lake, images(dt, 30))
        all_stages(job, dt)
    job("fit", refit=True)
    new = working(lake).fingerprint
    with pytest.raises(RuntimeError, match="holds nothing for the present projection"):
        job("search")
    job("index")
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "publish", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            job("search")
    assert is_refitting(lake)
    left = iter(range(2))
    with monkeypatch.context() as patch:
        make = commit.make_move
        patch.setattr(commit, "make_move", lambda *given: make(*given) if next(left) < 1 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            job("search")
    assert len(projections(lake)) == 2  # one day's candidates are new
    all_stages(job, DAYS[1])
    assert working(lake).fingerprint == new
    assert not is_refitting(lake)
    assert projections(lake) == {new}
    assert {row["dt"] for row in rows_of(lake.read("candidates"))} == set(DAYS)
    assert len(collections(lake, settings)) == 1


def test_embeddings_of_another_model_are_refused_until_a_refit(
    spark: SparkSession, lake: Lake, job: Job, settings: Config
) -> None:
    embed(spark, lake, images(DAYS[0], 20))
    all_stages(job)
    embed(spark, lake, images(DAYS[0], 20, model="another"))
    for stage in ("fit", "index", "search"):
        with pytest.raises(UserError, match=r"embeddings of model, and .* of another: .*refit"):
            job(stage)
    all_stages(job, refit=True)
    assert {row["model"] for row in rows_of(lake.read("candidates"))} == {"another"}
    (name,) = collections(lake, settings)
    assert "another" in name


def test_without_a_projection_index_and_search_name_the_stage_to_run(
    spark: SparkSession, lake: Lake, job: Job
) -> None:
    embed(spark, lake, images(DAYS[0], 3))
    for stage in ("index", "search"):
        with pytest.raises(UserError, match="run the stage fit first"):
            job(stage)


def test_a_spoilt_collection_fails_the_search_and_leaves_the_candidates(
    spark: SparkSession, lake: Lake, job: Job, settings: Config
) -> None:
    embed(spark, lake, images(DAYS[0], 60))
    *_, searched = all_stages(job)
    assert (searched.details["recall"], searched.details["recall_sample"]) == ("1.0000", 60)
    before = rows_of(lake.read("candidates"))
    projection = working(lake)
    with (
        serving(settings.milvus, lake.root, MODEL, projection.fingerprint) as address,
        closing(address.connect()) as collection,
    ):
        keys = sorted(collection.keys())
        vectors = collection.vectors(keys)
        collection.delete(keys)
        collection.insert(keys, np.roll(vectors, 5, axis=0))
        collection.flush()
    job("search")  # nothing is new, so nothing is asked
    embed(spark, lake, images(DAYS[1], 1))
    job("index", DAYS[1])
    with pytest.raises(UserError, match=r"finds only 0\.\d+ of the 10 nearest.*search\.min_recall"):
        job("search", DAYS[1])
    assert rows_of(lake.read("candidates")) == before


def test_a_lake_without_a_readable_image_is_not_fitted_or_searched(
    spark: SparkSession, lake: Lake, job: Job, settings: Config
) -> None:
    unread = [Image("a", None, DAYS[0])]
    embed(spark, lake, unread)
    assert [outcome.rows_out for outcome in all_stages(job)] == [0, 0, 0]
    assert read_projection(lake) is None
    embed(spark, lake, images(DAYS[0], 3))
    assert [outcome.rows_out for outcome in all_stages(job)] == [1, 3, 3]
    embed(spark, lake, unread)
    assert all_stages(job)[1].details["deleted"] == 3
    assert list(collections(lake, settings).values()) == [0]
    assert rows_of(lake.read("candidates")) == []
