"""A settlement says what a stage has to do, and publishes all results of the stage at once."""

import shutil
from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import SparkSession

from imgdedup.lake import Lake, Staged
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.settling.changes import Delta
from imgdedup.settling.progress import read_progress, read_queue
from imgdedup.settling.settlement import Settlement, is_repairing
from imgdedup.settling.snapshot import snapshot_of
from tests.spark.tables import Image, dated_candidates, embeddings, frame, rows_of

FIRST, SECOND = "2026-01-01", "2026-01-02"
DAYS = {"x": FIRST, "y": SECOND}
TOUCHED = "content_id string, was string, now string"


def settlement_of(lake: Lake, stage: str = "verify", rules: str = "rules") -> Settlement:
    return Settlement(lake, stage, rules=rules, reads="candidates", writes=("pairs",))


def fill(spark: SparkSession, lake: Lake, days: Sequence[str] = (FIRST, SECOND)) -> None:
    """Candidates of two days, an empty table of pairs, and the snapshot behind them."""
    images = [Image(content, content, day) for content, day in DAYS.items()]
    rows = dated_candidates(spark, [("x", "y", 0.9)], DAYS)
    lake.publish(
        lake.stage_days("candidates", rows, days)
        + lake.stage_days("pairs", lake.read("pairs"), days)
        + lake.stage_days(SNAPSHOT_DATASET, snapshot_of(embeddings(spark, images)), days)
    )


@pytest.fixture
def filled(spark: SparkSession, lake: Lake) -> Lake:
    fill(spark, lake)
    return lake


def waiting(lake: Lake, stage: str) -> list[tuple[Any, ...]]:
    found = read_queue(lake, stage)
    return [] if found is None else [tuple(row.values()) for row in rows_of(found)]


def settle(lake: Lake, **given: Any) -> Settlement:
    settlement = settlement_of(lake)
    settlement.publish(lake.stage_text("tables", "published"), **given)
    return settlement


def test_a_first_run_does_everything(filled: Lake) -> None:
    settlement = settlement_of(filled)
    assert settlement.everything
    assert settlement.changed_days == settlement.days == [FIRST, SECOND]
    assert [tuple(row.values()) for row in rows_of(settlement.touched)] == [
        ("x", None, FIRST),
        ("y", None, SECOND),
    ]


def test_what_was_settled_is_not_done_again(filled: Lake) -> None:
    settle(filled)
    settlement = settlement_of(filled)
    assert not settlement.everything
    assert settlement.changed_days == []
    assert rows_of(settlement.touched) == []


def test_a_partition_that_was_replaced_has_changed(spark: SparkSession, filled: Lake) -> None:
    settle(filled)
    empty = filled.read("candidates", [])
    filled.publish(filled.stage_days("candidates", empty, [SECOND]))
    assert settlement_of(filled).changed_days == [SECOND]
    filled.publish(filled.stage_removal("candidates", [SECOND]))
    assert settlement_of(filled).changed_days == [FIRST, SECOND]


def test_other_rules_damage_and_a_repair_do_everything_again(
    spark: SparkSession, filled: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    settle(filled)
    assert settlement_of(filled, rules="others").everything
    repairing = Lake(spark, filled.root, repair=True)
    assert is_repairing(repairing)
    assert not is_repairing(filled)
    assert settlement_of(repairing).everything
    shutil.rmtree(filled.path("pairs", FIRST))
    assert settlement_of(filled).everything
    assert f"pairs of {FIRST}: it is missing" in capsys.readouterr().out


def test_tables_progress_and_queues_are_published_together(
    spark: SparkSession, filled: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[Staged] = []
    publish = Lake.publish

    def watched(lake: Lake, staged: Staged) -> None:
        published.append(staged)
        publish(lake, staged)

    monkeypatch.setattr(Lake, "publish", watched)
    settle(filled, next_stage="group")
    (staged,) = published
    targets = {move.target.removeprefix(f"{filled.root}/.imgdedup/") for move in staged.moves}
    assert targets == {"tables", "settled/verify.json", "waiting/group", "settled/group.json"}
    assert filled.read_text("tables") == "published"
    progress = read_progress(filled, "verify")
    assert (progress.rules, progress.versions) == ("rules", filled.versions("candidates"))


def test_touched_contents_wait_for_the_next_stage_until_it_settles(
    spark: SparkSession, filled: Lake
) -> None:
    settle(filled)
    settle(filled, next_stage="group", touched=frame(spark, [("x", FIRST, FIRST)], TOUCHED))
    settle(filled, next_stage="group", touched=frame(spark, [("y", None, SECOND)], TOUCHED))
    assert waiting(filled, "group") == [("x", FIRST, FIRST), ("y", None, SECOND)]
    first = settlement_of(filled, "group")
    assert first.everything  # it has settled nothing yet
    first.publish(filled.stage_text("tables", "published"))
    assert waiting(filled, "group") == []
    settle(filled, next_stage="group", touched=frame(spark, [("y", None, SECOND)], TOUCHED))
    again = settlement_of(filled, "group")
    assert not again.everything
    assert [row["content_id"] for row in rows_of(again.touched)] == ["y"]


def test_a_stage_that_does_everything_lets_the_next_stage_do_everything(filled: Lake) -> None:
    first = settlement_of(filled, "group")
    first.publish(filled.stage_text("tables", "published"))
    assert not settlement_of(filled, "group").everything
    assert settle(filled, next_stage="group").everything
    assert settlement_of(filled, "group").everything


def test_some_days_can_be_left_unsettled(filled: Lake) -> None:
    versions = filled.versions("candidates")
    settle(filled, versions={FIRST: versions[FIRST]})
    assert settlement_of(filled).changed_days == [SECOND]
    settle(filled, versions={})
    assert settlement_of(filled).changed_days == [FIRST, SECOND]


def test_a_delta_becomes_the_partitions_of_the_settled_days(
    spark: SparkSession, filled: Lake
) -> None:
    settle(filled)
    filled.publish(filled.stage_removal("pairs", [FIRST]))
    nothing = filled.read("pairs", [])
    settlement = settlement_of(filled)
    staged = settlement.stage_delta("pairs", Delta(nothing, nothing, ["left_id"]))
    assert staged.days("pairs") == [SECOND]
