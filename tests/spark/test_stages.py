"""The stages as jobs run them, one after the other, on a lake of few images."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.corpora.edits import brightness, resize
from imgdedup.errors import UserError
from imgdedup.flow import SETTLING
from imgdedup.lake import Lake
from imgdedup.lake.schemas import VERDICTS_DATASET
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.settling.checks import Mismatch
from imgdedup.settling.progress import read_progress, read_queue
from imgdedup.settling.settlement import Settlement
from imgdedup.stages import body_of
from tests.pictures import decoded, features, photograph
from tests.spark.tables import Image as Row
from tests.spark.tables import embeddings, frame, rows_of

FIRST, SECOND = "2026-01-01", "2026-01-02"
Stages = Callable[..., dict[str, Outcome]]


@pytest.fixture
def run_stages(spark: SparkSession, lake: Lake, settings: Config) -> Stages:
    """Runs the stages after embed for a day, or some of them; the images have no files."""
    return partial(run_on, spark, lake, settings)


def run_on(
    spark: SparkSession,
    lake: Lake,
    settings: Config,
    dt: str,
    *stages: str,
    order: Sequence[str] = (),
) -> dict[str, Outcome]:
    ranked = replace(settings.group, keeper_order=list(order or settings.group.keeper_order))
    verify = replace(settings.verify, originals=False)
    given = Run(spark, lake, dt, (dt,), "run", replace(settings, group=ranked, verify=verify), "")
    return {stage: run_locked(stage, body_of(stage), given) for stage in stages or SETTLING}


@pytest.fixture(scope="module")
def first_day(
    spark: SparkSession,
    settings: Config,
    pictures: dict[str, Image.Image],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A lake whose first day has the contents a and b, a pair, and went through all stages."""
    lake = Lake(spark, str(tmp_path_factory.mktemp("first") / "lake"))
    embed(spark, lake, FIRST, a=pictures["cat"], b=pictures["copy"])
    assert run_on(spark, lake, settings, FIRST)["verify"].details["decided"] == 1
    assert near_pairs(lake) == {("a", "b")}
    return Path(lake.root)


@pytest.fixture
def settled(first_day: Path, lake: Lake) -> Lake:
    """A copy of that lake, where `run_stages` runs."""
    shutil.copytree(first_day, lake.root, dirs_exist_ok=True)
    return lake


def embed(
    spark: SparkSession, lake: Lake, dt: str, decoder: str = "first", **pictures: Image.Image
) -> None:
    """Write a day with one image of each content; its thumbnail shows the picture."""
    chance = np.random.default_rng(0)
    rows = []
    for content, picture in sorted(pictures.items()):
        shown, vector = decoded(picture), chance.standard_normal(8)
        rows.append(
            Row(
                f"{dt} {content}",
                content,
                dt,
                shown.width,
                shown.height,
                embedding=tuple(map(float, vector)),
                thumbnail=shown.thumbnail,
                features=features(shown),
                decoder=decoder,
            )
        )
    manifest = frame(spark, [(row.image_id, "uri") for row in rows], "image_id string, uri string")
    lake.replace("manifest", dt, manifest)
    lake.replace("embeddings", dt, embeddings(spark, rows).drop("dt"))


def near_pairs(lake: Lake) -> set[tuple[str, str]]:
    rows = rows_of(lake.read("pairs").where("kind = 'near'"))
    return {(row["left_content"], row["right_content"]) for row in rows}


def decoders(lake: Lake) -> dict[tuple[str, str], tuple[str, str]]:
    """The decoders of the thumbnails behind each verdict."""
    return {
        (row["left_content"], row["right_content"]): (row["left_decoder"], row["right_decoder"])
        for row in rows_of(lake.read(VERDICTS_DATASET))
    }


@pytest.fixture(scope="module")
def pictures() -> dict[str, Image.Image]:
    cat = photograph("cat")
    return {"cat": cat, "copy": resize(brightness(cat, 0.7), 0.6), "coffee": photograph("coffee")}


def test_verdicts_follow_the_thumbnails_of_a_day_that_was_embedded_again(
    spark: SparkSession, settled: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    # The bytes are the same, but another decoder shows them as another picture.
    embed(spark, settled, FIRST, "second", a=pictures["cat"], b=pictures["coffee"])
    assert run_stages(FIRST)["verify"].details["decided"] == 1
    assert near_pairs(settled) == set()
    assert decoders(settled) == {("a", "b"): ("second", "second")}
    assert run_stages(FIRST)["verify"].details["decided"] == 0


def test_only_verdicts_on_thumbnails_that_changed_are_decided_again(
    spark: SparkSession, settled: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, settled, SECOND, c=pictures["coffee"])
    run_stages(SECOND)
    embed(spark, settled, SECOND, "second", c=pictures["copy"])
    verified = run_stages(SECOND)["verify"]
    assert verified.details["decided"] == 2
    assert near_pairs(settled) == {("a", "b"), ("a", "c"), ("b", "c")}
    assert decoders(settled) == {
        ("a", "b"): ("first", "first"),
        ("a", "c"): ("first", "second"),
        ("b", "c"): ("first", "second"),
    }
    # The first day counts. Another thumbnail of the same bytes on a later day changes nothing.
    embed(spark, settled, SECOND, "second", b=pictures["coffee"], c=pictures["copy"])
    assert run_stages(SECOND)["verify"].details["decided"] == 0


def test_a_day_that_waits_for_its_own_run_leaves_the_verdicts_standing(
    spark: SparkSession, settled: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, settled, SECOND, a=pictures["cat"])
    run_stages(SECOND, "fit", "index")
    # Meanwhile the first day is embedded by another decoder: `b` is gone, and `n` is new.
    embed(spark, settled, FIRST, "second", a=pictures["cat"], n=pictures["coffee"])
    outcomes = run_stages(SECOND, "search", "verify", "group")
    assert outcomes["search"].details["days_waiting"] == 1
    assert outcomes["verify"].details["decided"] == 0
    assert near_pairs(settled) == {("a", "b")}
    run_stages(FIRST)
    assert near_pairs(settled) == set()


def test_a_decoder_that_no_search_has_settled_changes_no_verdict(
    spark: SparkSession, settled: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, settled, SECOND, a=pictures["cat"], c=pictures["coffee"])
    run_stages(SECOND, "fit", "index", "search")
    embed(spark, settled, FIRST, "second", a=pictures["cat"], b=photograph("rocket"))
    run_stages(SECOND, "verify", "group")
    assert near_pairs(settled) == {("a", "b")}
    embed(spark, settled, FIRST, a=pictures["cat"], b=pictures["copy"])
    run_stages(FIRST)
    assert near_pairs(settled) == {("a", "b")}
    assert decoders(settled)["a", "b"] == ("first", "first")


def test_a_search_publishes_candidates_snapshot_and_what_waits_for_verify(
    spark: SparkSession, settled: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, settled, SECOND, c=pictures["coffee"])
    searched = run_stages(SECOND, "fit", "index", "search")["search"]
    assert (searched.rows_in, searched.rows_out) == (1, 3)
    assert searched.details["days_rewritten"] == 1
    found = {
        (row["left_content"], row["right_content"], row["dt"])
        for row in rows_of(settled.read("candidates"))
    }
    assert found == {("a", "b", FIRST), ("a", "c", SECOND), ("b", "c", SECOND)}
    waiting = read_queue(settled, "verify")
    assert waiting is not None
    assert rows_of(waiting) == [{"content_id": "c", "was": None, "now": SECOND}]
    assert read_progress(settled, "search").versions == settled.versions("embeddings")
    assert read_progress(settled, "index").versions == settled.versions("embeddings")
    assert near_pairs(settled) == {("a", "b")}
    run_stages(SECOND, "verify")
    assert read_queue(settled, "verify") is None
    assert [row["content_id"] for row in rows_of(read_queue(settled, "group"))] == ["c"]  # type: ignore[arg-type]
    run_stages(SECOND, "group")
    assert read_queue(settled, "group") is None
    kept = {row["image_id"] for row in rows_of(settled.read_day("deduplicated", SECOND))}
    assert kept == {f"{SECOND} c"}


def test_index_stops_before_it_deletes_when_a_day_is_missing(
    spark: SparkSession, lake: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, lake, FIRST, a=pictures["cat"])
    embed(spark, lake, SECOND, c=pictures["coffee"])
    run_stages(SECOND, "fit", "index")
    lake.publish(lake.stage_removal("embeddings", [SECOND]))
    with pytest.raises(Mismatch, match=f"embeddings of {FIRST}: the partition is missing"):
        run_stages(SECOND, "index")


def test_an_index_on_a_lake_of_an_earlier_version_misses_its_lost_days(
    spark: SparkSession, settled: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, settled, SECOND, c=pictures["coffee"])
    run_stages(SECOND, "fit", "index")
    Path(settled.root, ".imgdedup", "settled", "index.json").unlink()  # earlier versions had none
    shutil.rmtree(settled.path("embeddings", FIRST))
    with pytest.raises(Mismatch, match=f"embeddings of {FIRST}: the partition is missing"):
        run_stages(SECOND, "index")


def test_a_day_with_nothing_new_asks_for_nothing_and_keeps_its_tables(
    spark: SparkSession,
    settled: Lake,
    run_stages: Stages,
    pictures: dict[str, Image.Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tables = ("candidates", "pairs", "groups", "deduplicated")
    before = [settled.versions(table) for table in tables]
    with monkeypatch.context() as patch:
        patch.setattr(Settlement, "publish", lambda *_, **__: 1 / 0)
        again = run_stages(FIRST, "search", "verify", "group")
    assert [outcome.rows_out for outcome in again.values()] == [1, 1, 2]
    assert [settled.versions(table) for table in tables] == before


def test_a_manifest_that_its_owner_writes_in_place_reaches_deduplicated(
    spark: SparkSession, lake: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    embed(spark, lake, FIRST, a=pictures["cat"], b=pictures["copy"])
    place = Path(lake.path("manifest", FIRST))
    shutil.rmtree(place)
    place.mkdir()

    def write(label: str) -> None:
        ids = [f"{FIRST} a", f"{FIRST} b"]
        columns = {"image_id": ids, "uri": ["uri"] * 2, "label": [label] * 2}
        pq.write_table(pa.table(columns), place / "part-0.parquet")

    for label in ("first", "second"):
        write(label)
        run_stages(FIRST)
        (kept,) = rows_of(lake.read_day("deduplicated", FIRST))
        assert kept["label"] == label


def test_a_rating_that_changes_in_the_manifest_changes_the_keeper(
    spark: SparkSession, lake: Lake, run_stages: Stages, pictures: dict[str, Image.Image]
) -> None:
    def run() -> set[str]:
        """Run the stages after embed; return the images that stay."""
        run_stages(FIRST, order=["column:rating desc", "day"])
        return {row["image_id"] for row in rows_of(lake.read_day("deduplicated", FIRST))}

    def rate(column: str, *ratings: int) -> None:
        ids = (f"{FIRST} a", f"{FIRST} b")
        rows = [(name, "uri", rating) for name, rating in zip(ids, ratings, strict=True)]
        schema = f"image_id string, uri string, {column} int"
        lake.replace("manifest", FIRST, frame(spark, rows, schema))

    embed(spark, lake, FIRST, a=pictures["cat"], b=pictures["copy"])
    rate("rating", 1, 2)
    assert run() == {f"{FIRST} b"}
    rate("rating", 3, 2)
    assert run() == {f"{FIRST} a"}
    reasons = {row["reason"] for row in rows_of(lake.read("groups"))}
    assert reasons == {"keeper", "near copy; its keeper has the greater rating"}
    rate("stars", 1, 2)
    with pytest.raises(UserError, match=f'"rating", and the manifest of {FIRST} has no such'):
        run()
    assert len(rows_of(lake.read_day("deduplicated", FIRST))) == 1
    rate("rating", 1, 2)
    assert run() == {f"{FIRST} b"}
