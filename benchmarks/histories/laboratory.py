"""Applies the stages of runs to small lakes, all in one Spark session.

The laboratory keeps each lake, named by the steps that led to it. A history that begins like an
earlier one starts from that lake. So shrinking a history costs little.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from benchmarks import lakes
from benchmarks.histories.changes import Manifest, Review
from benchmarks.lakes import Contents
from benchmarks.pool import pictures
from imgdedup.config import Config
from imgdedup.flow import BY_DAY, STAGES
from imgdedup.lake import Lake
from imgdedup.relations.reviews import FOLDER
from imgdedup.runtime.run import Run, run_locked
from imgdedup.settling import pinned
from imgdedup.stages import body_of

NOTHING = "nothing"  # the lake before all steps
# An image has two candidates that are no copies. An image with four copies is crowded.
SETTINGS: dict[str, object] = {
    "embed.most_failures": 1.0,  # a drawn day may have no other image than a broken one
    "embed.batch_size": 8,
    "fit.candidates_per_image": 2.0,
    "fit.expected_images": 20,
    "search.crowd": 3,
    "search.crowd_neighbours": 2,
}
_SCHEMA = pa.schema(
    {"image_id": pa.string(), "uri": pa.string(), "content": pa.binary(), "price": pa.int64()}
)


@dataclass(frozen=True)
class Step:
    """The stages of one run, for all days of the run, and the manifests of these days."""

    manifests: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # by day
    stages: tuple[str, ...]
    removed: tuple[str, ...]  # days whose manifest and embeddings a person deleted before
    reviews: tuple[tuple[int, Review], ...]  # written before, with a number that grows

    @classmethod
    def of(
        cls,
        manifests: Mapping[str, Manifest],
        stages: Iterable[str] = STAGES,
        removed: Iterable[str] = (),
        reviews: Iterable[tuple[int, Review]] = (),
    ) -> "Step":
        """The step that runs `stages` for the days of `manifests`."""
        rows = {day: tuple(sorted(manifest.items())) for day, manifest in manifests.items()}
        days = tuple(sorted(rows.items()))
        return cls(days, tuple(stages), tuple(sorted(removed)), tuple(reviews))


class Laboratory:
    """Lakes by the steps that led to them. Every lake starts with the same projection."""

    def __init__(self, spark: SparkSession, folder: Path, config: Config) -> None:
        self._spark = spark
        self._config = config
        self._kept = folder / "kept"
        self._root = folder / "lake"
        self._own = folder / "own"
        self._contents: dict[str, Contents] = {}
        self._needless: dict[str, list[str]] = {}
        self.variant = ""  # the lakes of each variant are kept apart
        self.stages = Counter[str]()  # applied, by name
        self._pin()

    def after(self, lake: str, step: Step) -> str:
        """Apply a step to a lake, unless the result is kept; return the name of the new lake."""
        name = hashlib.sha256(f"{self.variant} {lake} {step}".encode()).hexdigest()
        if not (self._kept / name).exists():
            self._restore(lake)
            before = lakes.tables(self._root), lakes.stamps(self._root)
            self._apply(step)
            after = lakes.tables(self._root), lakes.stamps(self._root)
            self._needless[name] = _rewritten_alike(before, after)
            self._keep(name)
        return name

    def contents(self, lake: str) -> Contents:
        """The tables of a lake, and the keys in Milvus as one more table."""
        if lake not in self._contents:
            self._restore(lake)
            keys = lakes.vectors(self._root, self._config.milvus, *self._pinned)
            lakes.require_told(self._root)
            found = lakes.tables(self._root)
            self._contents[lake] = {**found, (lakes.COLLECTION, ""): keys}
        return self._contents[lake]

    def needless(self, lake: str) -> list[str]:
        """The partitions that the step to this lake wrote again although no row changed."""
        return self._needless[lake]

    def _pin(self) -> None:
        """Fit once, on all pictures, and keep a lake that has nothing but the projection."""
        self._apply(Step.of({"2000-01-01": {name: name for name in pictures()}}, STAGES[:3]))
        projection = pinned.read_projection(Lake(self._spark, str(self._root)))
        assert projection is not None
        self._pinned = projection.model, projection.fingerprint
        for table in [*lakes.TABLES, "runs"]:
            shutil.rmtree(self._root / table, ignore_errors=True)
        self._keep(NOTHING)
        self.stages.clear()

    def _apply(self, step: Step) -> None:
        shutil.rmtree(self._own, ignore_errors=True)
        days = [day for day, _ in step.manifests]
        for table, day in product(("manifest", "embeddings"), step.removed):
            shutil.rmtree(self._root / table / f"dt={day}")
        for day, manifest in step.manifests:
            _write(self._own / f"dt={day}", day, dict(manifest))
        for number, review in step.reviews:
            _write_review(self._root / FOLDER, number, review)
        for stage in step.stages:
            for day in days if stage in BY_DAY else days[-1:]:
                writer = f"{stage}-{day}" if stage in BY_DAY else stage
                lake = Lake(self._spark, str(self._root), writer)
                run = Run(self._spark, lake, day, tuple(days), "run", self._config, str(self._own))
                run_locked(stage, body_of(stage), run)
                self.stages[stage] += 1

    def _restore(self, lake: str) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        shutil.copytree(self._kept / lake, self._root)

    def _keep(self, lake: str) -> None:
        shutil.copytree(self._root, self._kept / lake)


def _write(folder: Path, day: str, manifest: Manifest) -> None:
    """Write a day's manifest as a user may: with the bytes of the images, and a further column."""
    rows = [
        {
            "image_id": image_id,
            "uri": f"lake:{image_id}",
            "content": pictures()[name],
            "price": len(name) + int(day[-2:]),
        }
        for image_id, name in sorted(manifest.items())
    ]
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), folder / "part-0.parquet")


def _write_review(folder: Path, number: int, review: Review) -> None:
    """Write a review as a person may, a minute after the one before."""
    said = pa.Table.from_pylist(
        [
            {
                "left_content": hashlib.sha256(pictures()[review.picture]).hexdigest(),
                "right_content": hashlib.sha256(pictures()[review.other]).hexdigest(),
                "verdict": review.verdict,
                "reviewed_at": datetime(2026, 2, 1, tzinfo=UTC) + timedelta(minutes=number),
            }
        ]
    )
    folder.mkdir(exist_ok=True)
    pq.write_table(said, folder / f"{number}.parquet")


_Seen = tuple[Contents, Mapping[lakes.Partition, object]]


def _rewritten_alike(before: _Seen, after: _Seen) -> list[str]:
    """The partitions with other files and the same rows as before."""
    rows, stamps = before
    new_rows, new_stamps = after
    return [
        f"{dataset} of {day}"
        for dataset, day in sorted(stamps.keys() & new_stamps.keys())
        if stamps[dataset, day] != new_stamps[dataset, day]
        and rows[dataset, day] == new_rows[dataset, day]
    ]
