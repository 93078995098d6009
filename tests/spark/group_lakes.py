"""Lakes for the tests of the stage `group`: snapshots and pairs without a search, and its runs."""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.settling import changes as settling
from imgdedup.settling.progress import read_queue, stage_queue
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages.group import changes, stage
from imgdedup.stages.verify import pairs
from tests.spark.tables import copies, embeddings, frame, rows_of
from tests.spark.test_group import DAYS, Corpus, random_corpus


class Image(NamedTuple):
    """An image of a group, as GROUP_IMAGE has it."""

    dt: str
    image_id: str
    content_id: str
    keeper_id: str
    is_keeper: bool


Groups = Mapping[str, frozenset[Image]]


def groups_of(rows: Iterable[Mapping[str, Any]]) -> Groups:
    found = defaultdict(set)
    for row in rows:
        found[row["group_id"]].add(Image(*(row[name] for name in Image._fields)))
    return {name: frozenset(images) for name, images in found.items()}


def drawn(rng: random.Random, names: Iterable[int]) -> dict[str, Corpus]:
    return {f"{name:03}": random_corpus(f"{name:03}", rng) for name in names}


class Lakes:
    """Many small lakes at once under one root, whose groups are formed by runs of the stage."""

    def __init__(self, spark: SparkSession, lake: Lake, settings: Config) -> None:
        self.spark, self.lake, self.settings = spark, lake, settings
        self.corpora: dict[str, Corpus] = {}

    def change(self, corpora: Mapping[str, Corpus]) -> None:
        """Put the snapshot and the pairs of the days there, as search and verify would."""
        lake, before = self.lake, self.lake.read(SNAPSHOT_DATASET)
        touched = {
            image.content
            for name in corpora
            for corpus in (self.corpora.get(name, Corpus()), corpora[name])
            for image in corpus.images
            if image.content
        }
        self.corpora |= corpora
        images = [image for corpus in self.corpora.values() for image in corpus.images]
        near = [pair for corpus in self.corpora.values() for pair in corpus.near]
        after = snapshot_of(embeddings(self.spark, images)).localCheckpoint()
        found = pairs.make_pairs(copies(self.spark, near), pairs.images_of(after), "verify")
        contents = frame(self.spark, [(name,) for name in sorted(touched)], "content_id string")
        waiting = settling.dated(contents, before, after)
        if (more := read_queue(lake, "group")) is not None:
            waiting = settling.together(more, waiting)
        staged = lake.stage_days(SNAPSHOT_DATASET, after, DAYS)
        staged += lake.stage_days("pairs", found, DAYS) + stage_queue(lake, "group", waiting)
        lake.publish(staged)

    def run(self, run_id: str, **settings: Any) -> Outcome:
        config = replace(self.settings, group=replace(self.settings.group, **settings))
        lake = Lake(self.spark, self.lake.root, "group", repair=config.lake.repair)
        given = Run(self.spark, lake, DAYS[-1], DAYS[-1:], run_id, config, "")
        return run_locked("group", stage.run, given)

    def groups(self) -> Groups:
        return groups_of(rows_of(self.lake.read("groups")))

    def told(self) -> Groups:
        return groups_of(rows_of(changes.replayed(self.lake.read("group_changes"))))

    def runs(self) -> list[str]:
        """The runs that changed groups, in order."""
        rows = self.lake.read("group_changes").select("sequence", "run_id").distinct().collect()
        assert sorted(row.sequence for row in rows) == list(range(1, len(rows) + 1))
        return [row.run_id for row in sorted(rows)]
