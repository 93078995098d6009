"""The lake: one Parquet dataset per name under a root, one folder per data day.

A stage replaces whole partitions. It first writes each new partition, with a marker, beside the
datasets. Then it publishes all of them together (see `commit`). Unchanged partitions stay.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from imgdedup.lake import commit, markers
from imgdedup.lake.commit import Move
from imgdedup.lake.digests import Digest, conform, digests, no_rows
from imgdedup.lake.lock import exclusive
from imgdedup.lake.partitions import PRIVATE, Partitions, with_day
from imgdedup.lake.schemas import DATASETS

JOURNAL = f"{PRIVATE}/journal.json"
LOCK = f"{PRIVATE}/writer.lock"
LOCKS = f"{PRIVATE}/locks"  # of stages that work by day
_STAGING = f"{PRIVATE}/staging"


@dataclass(frozen=True)
class Staged:
    """What was written beside the datasets and is not published yet."""

    moves: list[Move] = field(default_factory=list)
    partitions: list[tuple[str, str]] = field(default_factory=list)  # dataset and day of each

    def __add__(self, other: "Staged") -> "Staged":
        return Staged(self.moves + other.moves, self.partitions + other.partitions)

    def days(self, dataset: str) -> list[str]:
        """The days of a dataset whose partitions change."""
        return [day for name, day in self.partitions if name == dataset]


class Lake(Partitions):
    """Reads and replaces the partitions of the datasets under `root` (a path or Hadoop URI).

    `writer` is a stage and perhaps a day: the name that other writers see while they wait.
    `patience` is how many seconds this lake waits for another writer. `repair` replaces a
    partition even when its marker says that it already holds the same rows.
    """

    def __init__(
        self,
        spark: SparkSession,
        root: str,
        writer: str = "writer",
        patience: float = 0.0,
        *,
        repair: bool = False,
    ) -> None:
        super().__init__(spark, root)
        self._writer = writer
        self._patience = patience
        self.repair = repair
        self._require_lock: Callable[[], None] | None = None  # inside `alone`
        self._own = f"{self.root}/{_STAGING}/{writer}-{uuid.uuid4().hex[:8]}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only writer inside the block. First finish the commit of a killed writer.

        Raises lock.Busy when another writer holds the lock for longer than the lake's patience.
        """
        if self._require_lock is not None:
            yield
            return
        with self._locked(LOCK) as require_lock:
            commit.finish(self.files, f"{self.root}/{JOURNAL}")
            self._clear()
            self._require_lock = require_lock
            try:
                yield
            finally:
                self._require_lock = None

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the only writer of this name inside the block. Writers of other names may run.

        First finish the commit of a killed writer. Raises lock.Busy as `alone` does.
        """
        with self._locked(f"{LOCKS}/{self._writer}.lock"):
            if self.files.exists(f"{self.root}/{JOURNAL}"):
                with self.alone():
                    pass  # entering the block finishes the commit
            self._clear()
            yield

    def _locked(self, name: str) -> AbstractContextManager[Callable[[], None]]:
        return exclusive(self.files, f"{self.root}/{name}", self._writer, self._patience)

    def _clear(self) -> None:
        """Delete what a killed writer of this name staged and did not publish."""
        staging, own = f"{self.root}/{_STAGING}", self._own.rpartition("/")[2]
        for name in self.files.names(staging):
            if name.startswith(f"{self._writer}-") and name != own:
                self.files.delete(f"{staging}/{name}")

    def replace(
        self,
        dataset: str,
        dt: str,
        rows: DataFrame,
        *,
        expected_rows: int | None = None,
        check: Callable[[], object] = lambda: None,
    ) -> int:
        """Replace one partition by `rows`, which may be none; return the number of rows.

        Rows of a declared dataset are cut to its schema; other types raise TypeError. `check` is
        called after the rows are staged. The old partition stands when `check` raises, and when
        the number of rows is not `expected_rows` (RuntimeError says both numbers). It also stands
        when it already holds the same rows.
        """
        staged, count = self._stage_day(dataset, dt, rows, expected_rows)
        check()
        self.publish(staged)
        return count

    def stage_day(self, dataset: str, dt: str, rows: DataFrame) -> Staged:
        """Stage one partition, unless the partition already holds these rows."""
        return self._stage_day(dataset, dt, rows, None)[0]

    def _stage_day(
        self, dataset: str, dt: str, rows: DataFrame, expected_rows: int | None
    ) -> tuple[Staged, int]:
        if dataset in DATASETS:
            rows = conform(rows, DATASETS[dataset])
        staged = f"{self._own}/{dataset}/dt={dt}"
        rows.write.mode("overwrite").parquet(staged)
        written = self._spark.read.schema(rows.schema).parquet(staged)
        found = digests(written.withColumn("dt", F.lit(dt)), foreign=dataset not in DATASETS)
        digest = found.get(dt, no_rows(rows.schema))
        if expected_rows is not None and digest.rows != expected_rows:
            raise RuntimeError(
                f"{dataset} of {dt}: {digest.rows:,} rows written where {expected_rows:,} were "
                "expected; the old partition stands"
            )
        if not self._changed(dataset, {dt: digest}):
            return Staged(), digest.rows
        return Staged([self._mark(staged, dataset, dt, digest)], [(dataset, dt)]), digest.rows

    def stage_days(self, dataset: str, rows: DataFrame, days: Iterable[str]) -> Staged:
        """Stage those partitions of `days` that change.

        `rows` has `dt`; rows of other days are left out. A partition changes when its rows differ
        in a column other than `run_id`: it keeps the id of the run that last changed it. A day
        without rows becomes an empty partition.
        """
        wanted = sorted(set(days))
        if not wanted:
            return Staged()
        staged = f"{self._own}/{dataset}"
        schema = with_day(dataset)
        chosen = conform(rows, schema).where(F.col("dt").isin(wanted))
        chosen.repartition("dt").write.mode("overwrite").partitionBy("dt").parquet(staged)
        found = digests(self._spark.read.schema(schema).parquet(staged))
        after = {day: found.get(day, no_rows(schema)) for day in wanted}
        changed = self._changed(dataset, after)
        moves = []
        for day in changed:
            if day not in found:
                self._write_empty(dataset, f"{staged}/dt={day}")
            moves.append(self._mark(f"{staged}/dt={day}", dataset, day, after[day]))
        return Staged(moves, [(dataset, day) for day in changed])

    def stage_removal(self, dataset: str, days: Iterable[str]) -> Staged:
        """Stage the removal of all partitions of a dataset except those of `days`."""
        gone = sorted(set(self.days(dataset)) - set(days))
        moves = [self._move(self.path(dataset, day)) for day in gone]
        return Staged(moves, [(dataset, day) for day in gone])

    def stage_more(self, dataset: str, dt: str, rows: DataFrame) -> Staged:
        """Stage files of rows that join a partition, beside the files that the partition has.

        Such a partition is never replaced, and has no marker.
        """
        staged = f"{self._own}/{dataset}"
        conform(rows, DATASETS[dataset]).write.mode("overwrite").parquet(staged)
        files = markers.data(self.files.names(staged))
        folder = self.path(dataset, dt)
        return Staged([self._move(f"{folder}/{name}", f"{staged}/{name}") for name in files])

    def read_staged(self, dataset: str, dt: str, staged: Staged) -> DataFrame:
        """One partition as it will be once `staged` is published, without `dt`."""
        for move in staged.moves:
            if move.target == self.path(dataset, dt) and move.source is not None:
                return self._spark.read.schema(DATASETS[dataset]).parquet(move.source)
        return self.read_day(dataset, dt)

    def stage_state(self, name: str, rows: DataFrame | None) -> Staged:
        """Stage `rows` under a name that is no dataset and has no days; None removes the rows."""
        target = f"{self.root}/{PRIVATE}/{name}"
        if rows is None:
            return Staged([self._move(target)])
        staged = f"{self._own}/{name}"
        rows.coalesce(1).write.mode("overwrite").parquet(staged)
        return Staged([self._move(target, staged)])

    def stage_text(self, name: str, text: str) -> Staged:
        """Stage a text under a name of its own."""
        staged = f"{self._own}/{name}"
        self.files.write(staged, text)
        return Staged([self._move(f"{self.root}/{PRIVATE}/{name}", staged)])

    def stage_input(self, name: str, file: str) -> str:
        """Move a file of this machine to where this lake stages, and return its path there.

        It is never published. It is deleted with all that is staged, after a crash too.
        """
        staged = f"{self._own}/input/{name}"
        self.files.put(file, staged)
        return staged

    def publish(self, staged: Staged) -> None:
        """Make all that is staged visible. After a crash all of it is visible, or nothing.

        Raises lock.Busy, and changes nothing, when another writer has taken the lock over.
        """
        with self.alone():
            assert self._require_lock is not None
            self._require_lock()
            commit.publish(self.files, f"{self.root}/{JOURNAL}", staged.moves)
            self.files.delete(self._own)

    def append_run(self, dt: str, row: DataFrame) -> None:
        """Add a file of rows to the dataset `runs`, whose partitions are never replaced."""
        staged = f"{self._own}/runs"
        conform(row, DATASETS["runs"]).coalesce(1).write.mode("overwrite").parquet(staged)
        for name in markers.data(self.files.names(staged)):
            self.files.move(f"{staged}/{name}", f"{self.path('runs', dt)}/{name}")
        self.files.delete(self._own)

    def stage_rename(self, name: str, other: str) -> Staged:
        """Stage a rename: what lies under `name` replaces what lies under `other`."""
        source = f"{self.root}/{PRIVATE}/{name}"
        return Staged([self._move(f"{self.root}/{PRIVATE}/{other}", source)])

    def _changed(self, dataset: str, after: Mapping[str, Digest]) -> list[str]:
        """The days whose partition is damaged or differs from these digests; all in a repair."""
        if self.repair:
            return list(after)
        before, faults = self.digests(dataset, after), self.faults(dataset, after)
        return [
            day
            for day, digest in after.items()
            if digest.hash is None or before[day] != digest or day in faults
        ]

    def _mark(self, staged: str, dataset: str, dt: str, digest: Digest) -> Move:
        """Write the marker of a staged partition; return the move that publishes it."""
        markers.write(self.files, staged, digest)
        return self._move(self.path(dataset, dt), staged)

    def _move(self, target: str, source: str | None = None) -> Move:
        """The move that replaces `target` by `source`, or removes `target` without a source."""
        aside = f"{self._own}/aside/{uuid.uuid4().hex[:8]}"
        return Move(target, aside, source, self.files.names(source) if source else [])

    def _write_empty(self, dataset: str, staged: str) -> None:
        """Write a partition without rows: copy the one empty file that Spark writes."""
        model = f"{self._own}/empty/{dataset}"
        if not self.files.exists(model):
            empty = self.frame([], DATASETS[dataset])
            empty.coalesce(1).write.mode("overwrite").parquet(model)
        for name in markers.data(self.files.names(model)):
            self.files.copy(f"{model}/{name}", f"{staged}/{uuid.uuid4().hex[:8]}-{name}")
