"""A lake of decided candidates without pictures, and reviews written to it as by people."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.lake import Lake
from imgdedup.lake.schemas import SNAPSHOT_DATASET, VERDICTS, VERDICTS_DATASET
from imgdedup.relations.reviews import REVIEWS
from imgdedup.runtime.run import Outcome, Run, run_locked
from imgdedup.settling.changes import touched
from imgdedup.settling.progress import stage_queue
from imgdedup.settling.snapshot import snapshot_of
from imgdedup.stages import body_of
from imgdedup.stages.verify.verdicts import fingerprint
from tests.spark.tables import FINDINGS, MODEL, Image, candidates, embeddings, frame, rows_of

DAY = "2026-01-01"
START = datetime(2026, 2, 1, tzinfo=UTC)
Said = tuple[str, str, str]  # two images, and the verdict on their contents


def content(name: str) -> str:
    """The content of the image of a name."""
    return hashlib.sha256(name.encode()).hexdigest()


class JudgedLake:
    """A lake of one day as `search` leaves it, whose candidates have verdicts.

    Each image has a content of its own, and the lesser name is the better keeper. `copies` are the
    pairs of images that the rules call copies, when both are there, with their correlation.
    """

    def __init__(
        self,
        spark: SparkSession,
        root: Path,
        settings: Config,
        copies: Mapping[tuple[str, str], float],
    ) -> None:
        self.lake = Lake(spark, str(root))
        self.copies = copies
        config = replace(settings, verify=replace(settings.verify, originals=False))
        self._run = Run(spark, self.lake, DAY, (DAY,), "run", config, "")
        self._said = 0

    def fill(self, names: Collection[str]) -> None:
        """Let the day have the images `names`; what changed waits for verify."""
        spark, lake = self._run.spark, self.lake
        table = embeddings(spark, [Image(name, content(name), DAY) for name in sorted(names)])
        manifest = [(name, "uri") for name in sorted(names)]
        there = {pair: self.copies[pair] for pair in self.copies if {*pair} <= {*names}}
        pairs = [(content(one), content(other), 0.9) for one, other in there]
        before, after = lake.read(SNAPSHOT_DATASET).localCheckpoint(), snapshot_of(table)
        waiting = touched(before, after, [DAY])
        lake.replace("manifest", DAY, frame(spark, manifest, "image_id string, uri string"))
        lake.replace("embeddings", DAY, table.drop("dt"))
        lake.replace(SNAPSHOT_DATASET, DAY, after.drop("dt"))
        lake.replace("candidates", DAY, candidates(spark, pairs))
        lake.replace(VERDICTS_DATASET, DAY, frame(spark, self._verdicts(there), VERDICTS))
        lake.publish(stage_queue(lake, "verify", waiting))

    def review(self, *said: Said) -> None:
        """Write a file of reviews, each later than all before."""
        rows = [
            {
                "left_content": content(one),
                "right_content": content(other),
                "verdict": verdict,
                "reviewed_at": START + timedelta(minutes=self._said + number),
            }
            for number, (one, other, verdict) in enumerate(said)
        ]
        self._said += len(said)
        folder = Path(self.lake.root, "reviews")
        folder.mkdir(exist_ok=True, parents=True)
        pq.write_table(pa.Table.from_pylist(rows, REVIEWS), folder / f"{self._said}.parquet")

    def settle(self) -> dict[str, Outcome]:
        """Run verify and group."""
        return {
            stage: run_locked(stage, body_of(stage), self._run) for stage in ("verify", "group")
        }

    def pairs(self) -> dict[tuple[str, str], tuple[str | None, str]]:
        """The `review` and the `edit` of each pair of images."""
        return {
            (row["left_id"], row["right_id"]): (row["review"], row["edit"])
            for row in rows_of(self.lake.read("pairs"))
        }

    def keepers(self) -> dict[str, str]:
        """The keeper of each image of a group."""
        return {row["image_id"]: row["keeper_id"] for row in rows_of(self.lake.read("groups"))}

    def groups(self) -> set[frozenset[str]]:
        """The images of each group."""
        found: dict[str, set[str]] = {}
        for row in rows_of(self.lake.read("groups")):
            found.setdefault(row["group_id"], set()).add(row["image_id"])
        return {frozenset(names) for names in found.values()}

    def kept(self) -> set[str]:
        """The images that stay."""
        return {row["image_id"] for row in rows_of(self.lake.read_day("deduplicated", DAY))}

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of the tables that verify and group write."""
        names = ("pairs", "groups", VERDICTS_DATASET)
        found = {name: rows_of(self.lake.read(name)) for name in names}
        return found | {"kept": [{"image_id": name} for name in sorted(self.kept())]}

    def _verdicts(self, copies: Mapping[tuple[str, str], float]) -> list[list[Any]]:
        rules = {"verifier": fingerprint(self._run.config.verify), "model": MODEL}
        rows = []
        for pair, correlation in copies.items():
            left, right = sorted(map(content, pair))
            sides = {"left_content": left, "right_content": right, "originals": None}
            row = FINDINGS | rules | sides | {"correlation": correlation}
            rows.append([row[name] for name in VERDICTS.names])
        return rows
