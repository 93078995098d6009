"""The changes of groups, as the runs tell them: random histories, and each change by itself."""

import random
import shutil
from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.lake.schemas import GROUP_IMAGE
from imgdedup.stages.group import changes
from tests.spark.group_lakes import Groups, Image, Lakes, drawn, groups_of
from tests.spark.tables import frame, rows_of
from tests.spark.test_group import DAYS

DAY = DAYS[0]
HISTORIES, STEPS = 150, 3
ROW = StructType([StructField("group_id", StringType()), *GROUP_IMAGE.fields])


def table(spark: SparkSession, groups: Groups) -> DataFrame:
    rows = [(name, *image) for name, images in sorted(groups.items()) for image in images]
    return frame(spark, rows, ROW)


def random_groups(name: str, rng: random.Random) -> Groups:
    """Some of six contents, each with its images, in groups that are named by the first image."""
    chosen = rng.sample(range(6), rng.randint(0, 6))
    parts = defaultdict(list)
    for content in chosen:
        parts[rng.randint(0, 2)].append(content)
    found = {}
    for contents in parts.values():
        # The last two images may have either of two contents.
        ids = {f"{name}/{number}": f"{name} content {number}" for number in contents}
        ids |= {f"{name}/more {n}": f"{name} content {n}" for n in contents if rng.random() < 0.3}
        if rng.random() < 0.2:
            ids = {
                image.replace("/1", "/0 or 1").replace("/0", "/0 or 1"): content
                for image, content in ids.items()
            }
        keeper = rng.choice(sorted(ids))
        images = frozenset(
            Image(DAY, image, content, keeper, image == keeper) for image, content in ids.items()
        )
        found[f"{DAY}/{min(ids)}"] = images
    return found


def told(change: Mapping[str, Any]) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    return (
        change["group_id"],
        change["change"],
        tuple(change["former_ids"]),
        tuple(change["later_ids"]),
    )


def expected(
    before: Groups, after: Groups
) -> set[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    """What changed from some groups to others, by the contents that they have in common."""
    was = {image.content_id: name for name, images in before.items() for image in images}
    now = {image.content_id: name for name, images in after.items() for image in images}
    formers = {g: {was[i.content_id] for i in after[g] if i.content_id in was} for g in after}
    laters = {g: {now[i.content_id] for i in before[g] if i.content_id in now} for g in before}
    found = set()
    for group in before.keys() | after.keys():
        if group in formers.get(group, ()):
            sources, targets = formers[group] - {group}, laters[group] - {group}
            old, new = ({i[:3] for i in part[group]} for part in (before, after))
            if before[group] != after[group]:
                change = (
                    "merged"
                    if sources
                    else "split"
                    if targets
                    else "grew"
                    if new - old
                    else "shrank"
                    if old - new
                    else "keeper_changed"
                )
                found.add((group, change, tuple(sorted(sources)), tuple(sorted(targets))))
            continue
        if group in before:
            targets = laters[group]
            change = "dissolved" if not targets else "split"
            if len(targets) == 1:
                change = "renamed" if formers[min(targets)] == {group} else "merged"
            found.add((group, change, (), tuple(sorted(targets))))
        if group in after:
            sources = formers[group]
            change = "created" if not sources else "merged"
            if len(sources) == 1:
                change = "renamed" if laters[min(sources)] == {group} else "split"
            found.add((group, change, tuple(sorted(sources)), ()))
    return found


@pytest.fixture(scope="module")
def history() -> list[Groups]:
    """The groups of many lakes at once after each step; their names keep them apart."""
    rng = random.Random(5)
    steps: list[Groups] = [{}]
    for _ in range(STEPS):
        parts = [random_groups(f"{number:03}", rng) for number in range(HISTORIES)]
        steps.append({name: images for part in parts for name, images in part.items()})
    return steps


def test_all_changes_of_a_history_together_give_the_groups(
    spark: SparkSession, history: list[Groups]
) -> None:
    every = None
    kinds = set()
    for number, (before, after) in enumerate(pairwise(history), 1):
        found = changes.find_changes(table(spark, before), table(spark, after)).localCheckpoint()
        rows = rows_of(found)
        assert {told(row) for row in rows} == expected(before, after)
        assert len(rows) == len({(row["group_id"], row["images_before"] == 0) for row in rows})
        for row in rows:
            ends, begins = row["images_after"] == 0, row["images_before"] == 0
            old = frozenset() if begins else before[row["group_id"]]
            new = frozenset() if ends else after[row["group_id"]]
            assert (row["images_before"], row["images_after"]) == (len(old), len(new))
            kept = [sum(image.is_keeper for image in part) for part in (old, new)]
            assert [row["keepers_before"], row["keepers_after"]] == kept
            for name, images in (("removed", old - new), ("added", new - old)):
                assert [Image(**image) for image in row[name]] == sorted(images)
        kinds |= {row["change"] for row in rows}
        numbered = found.withColumn("sequence", F.lit(number))
        every = numbered if every is None else every.unionByName(numbered)
        assert groups_of(rows_of(changes.replayed(every))) == after
    assert kinds == set("created renamed merged split grew shrank keeper_changed dissolved".split())


def test_the_images_of_a_large_change_take_several_rows(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_MOST", 2)
    images = [Image(DAY, f"{n}", f"content {n}", "0", n == 0) for n in range(5)]
    whole = {"0": frozenset(images)}
    parts = {f"{n}": frozenset([image]) for n, image in enumerate(images)}
    found = rows_of(changes.find_changes(table(spark, parts), table(spark, whole)))
    merged = sorted((row["part"], row) for row in found if row["group_id"] == "0")
    assert [part for part, _ in merged] == [0, 1]
    assert [Image(**image) for _, row in merged for image in row["added"]] == images[1:]
    assert all(row["former_ids"] == ["1", "2"] for _, row in merged)
    assert all((row["images_before"], row["images_after"]) == (1, 5) for _, row in merged)
    others = [(row["group_id"], row["change"], row["later_ids"]) for row in found]
    assert sorted(others)[2:] == [(f"{n}", "merged", ["0"]) for n in range(1, 5)]


@pytest.fixture
def lakes(spark: SparkSession, lake: Lake, settings: Config) -> Lakes:
    for day in DAYS:
        lake.replace("manifest", day, frame(spark, [], "image_id string, uri string"))
    return Lakes(spark, lake, settings)


def test_the_changes_of_all_runs_give_the_groups_of_today(lakes: Lakes) -> None:
    rng = random.Random(3)
    lakes.change(drawn(rng, range(60)))
    assert lakes.run("before").details["groups_changed"] == len(lakes.groups()) > 30
    # The first rows of a lake, as of a lake of an earlier version, tell of all groups.
    shutil.rmtree(Path(lakes.lake.root, "group_changes"))
    lakes.change(drawn(rng, [1]))
    lakes.run("first")
    assert lakes.told() == lakes.groups()
    rows = rows_of(lakes.lake.read("group_changes"))
    assert {(row["change"], row["dt"]) for row in rows} == {("created", DAYS[-1])}
    lakes.change(drawn(rng, rng.sample(range(60), 40)))
    lakes.run("second")
    assert lakes.told() == lakes.groups()
    assert lakes.run("repeated").details["groups_changed"] == 0
    # All groups are formed again: they are compared with what was told before.
    shutil.rmtree(lakes.lake.path("groups", DAYS[0]))
    lakes.change(drawn(rng, [2]))
    lakes.run("third")
    assert lakes.told() == lakes.groups()
    third = rows_of(lakes.lake.read("group_changes").where("sequence = 3"))
    assert {row["group_id"].split("/")[1] for row in third} == {"002"}
    assert lakes.runs() == ["first", "second", "third"]
