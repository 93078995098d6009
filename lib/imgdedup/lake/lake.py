"""The lake: one Parquet dataset per name under a root, one folder per data day.

A partition is replaced whole. It is written beside the datasets first, with a marker of what it
holds, and moved in when all that a stage changes is there (see `commit`); unchanged ones stay.
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

_JOURNAL = f"{PRIVATE}/journal.json"
_LOCK = f"{PRIVATE}/writer.lock"
_STAGING = f"{PRIVATE}/staging"


@dataclass(frozen=True)
class Staged:
    """What was written beside the datasets and waits to be published."""

    moves: list[Move] = field(default_factory=list)
    partitions: list[tuple[str, str]] = field(default_factory=list)  # dataset and day of each

    def __add__(self, other: "Staged") -> "Staged":
        return Staged(self.moves + other.moves, self.partitions + other.partitions)

    def days(self, dataset: str) -> list[str]:
        """The days of a dataset whose partition changes."""
        return [day for name, day in self.partitions if name == dataset]


class Lake(Partitions):
    """Reads and replaces the partitions of the datasets under `root` (a path or Hadoop URI).

    `writer` names who writes, a stage and perhaps a day, to those who have to wait for it.
    `patience` is how many seconds it waits for another writer itself. `anew`: a partition is
    replaced even when its marker says that it holds the same rows already.
    """

    def __init__(
        self,
        spark: SparkSession,
        root: str,
        writer: str = "writer",
        patience: float = 0.0,
        *,
        rebuild: bool = False,
    ) -> None:
        super().__init__(spark, root)
        self._writer = writer
        self._patience = patience
        self.rebuild = rebuild
        self._require_lock: Callable[[], None] | None = None  # inside `alone`
        self._own = f"{self.root}/{_STAGING}/{writer}-{uuid.uuid4().hex[:8]}"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only writer inside the block, after finishing what a killed one had begun.

        Raises lock.Busy when another one writes for longer than the patience of this lake.
        """
        if self._require_lock is not None:
            yield
            return
        with self._locked(_LOCK) as require_lock:
            commit.finish(self.files, f"{self.root}/{_JOURNAL}")
            self._clear()
            self._require_lock = require_lock
            try:
                yield
            finally:
                self._require_lock = None

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Be the only writer of this name inside the block, beside others of other names.

        What a killed writer had begun is finished first. Raises lock.Busy as `alone` does.
        """
        with self._locked(f"{PRIVATE}/locks/{self._writer}.lock"):
            if self.files.exists(f"{self.root}/{_JOURNAL}"):
                with self.alone():
                    pass  # entering it finishes
            self._clear()
            yield

    def _locked(self, name: str) -> AbstractContextManager[Callable[[], None]]:
        return exclusive(self.files, f"{self.root}/{name}", self._writer, self._patience)

    def _clear(self) -> None:
        """Clear away what a killed writer of this name had not begun to move in."""
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
        """Replace one partition by `rows`, an empty result too, and return the number of rows.

        A declared dataset is cut to its schema; a row set of other types is refused. When the
        staged rows are not `expected_rows` (RuntimeError says both numbers), or `check`, called
        after they were written, raises, the old partition stands. So it does when its rows are
        the same.
        """
        staged, count = self._stage_day(dataset, dt, rows, expected_rows)
        check()
        self.publish(staged)
        return count

    def stage_day(self, dataset: str, dt: str, rows: DataFrame) -> Staged:
        """Write one partition beside the dataset, unless it holds these rows already."""
        return self._stage_day(dataset, dt, rows, None)[0]

    def _stage_day(
        self, dataset: str, dt: str, rows: DataFrame, expected_rows: int | None
    ) -> tuple[Staged, int]:
        if dataset in DATASETS:
            rows = conform(rows, DATASETS[dataset])
        staged = f"{self._own}/{dataset}/dt={dt}"
        rows.write.mode("overwrite").parquet(staged)
        written = self._spark.read.schema(rows.schema).parquet(staged)
        digest = digests(written.withColumn("dt", F.lit(dt))).get(dt, no_rows(rows.schema))
        if expected_rows is not None and digest.rows != expected_rows:
            raise RuntimeError(
                f"{dataset} of {dt}: {digest.rows:,} rows written where {expected_rows:,} were "
                "expected; the old partition stands"
            )
        if not self._changed(dataset, {dt: digest}):
            return Staged(), digest.rows
        return Staged([self._marked(staged, dataset, dt, digest)], [(dataset, dt)]), digest.rows

    def stage_days(self, dataset: str, rows: DataFrame, days: Iterable[str]) -> Staged:
        """Write what the partitions of `days` are to hold beside the dataset, and compare.

        `rows` has `dt`; those of other days are left out. A day has changed when its rows differ,
        `run_id` aside: a partition keeps the id of the run that last changed it. Days without rows
        become empty partitions.
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
                self._empty(dataset, f"{staged}/dt={day}")
            moves.append(self._marked(f"{staged}/dt={day}", dataset, day, after[day]))
        return Staged(moves, [(dataset, day) for day in changed])

    def stage_removal(self, dataset: str, days: Iterable[str]) -> Staged:
        """Take away the partitions of a dataset but those of `days`."""
        gone = sorted(set(self.days(dataset)) - set(days))
        moves = [self._move(self.path(dataset, day)) for day in gone]
        return Staged(moves, [(dataset, day) for day in gone])

    def read_staged(self, dataset: str, dt: str, staged: Staged) -> DataFrame:
        """One partition as it will be once `staged` is published, without `dt`."""
        for move in staged.moves:
            if move.target == self.path(dataset, dt) and move.source is not None:
                return self._spark.read.schema(DATASETS[dataset]).parquet(move.source)
        return self.read_day(dataset, dt)

    def stage_state(self, name: str, rows: DataFrame | None) -> Staged:
        """Keep `rows` under a name that is no dataset and has no days; None: nothing any more."""
        target = f"{self.root}/{PRIVATE}/{name}"
        if rows is None:
            return Staged([self._move(target)])
        staged = f"{self._own}/{name}"
        rows.coalesce(1).write.mode("overwrite").parquet(staged)
        return Staged([self._move(target, staged)])

    def stage_text(self, name: str, text: str) -> Staged:
        """Keep a text under a name of its own."""
        staged = f"{self._own}/{name}"
        self.files.write(staged, text)
        return Staged([self._move(f"{self.root}/{PRIVATE}/{name}", staged)])

    def publish(self, staged: Staged) -> None:
        """Make all that is staged visible, or after a crash nothing or all of it.

        Raises lock.Busy when another writer has come meanwhile, and changes nothing then.
        """
        with self.alone():
            assert self._require_lock is not None
            self._require_lock()
            commit.publish(self.files, f"{self.root}/{_JOURNAL}", staged.moves)
            self.files.delete(self._own)

    def append_run(self, dt: str, row: DataFrame) -> None:
        """Add a file of rows to the `runs` dataset, the one that is never replaced."""
        staged = f"{self._own}/runs"
        conform(row, DATASETS["runs"]).coalesce(1).write.mode("overwrite").parquet(staged)
        for name in markers.data(self.files.names(staged)):
            self.files.move(f"{staged}/{name}", f"{self.path('runs', dt)}/{name}")
        self.files.delete(self._own)

    def stage_rename(self, name: str, other: str) -> Staged:
        """Let what is kept under `name` take the place of `other`, once it is published."""
        source = f"{self.root}/{PRIVATE}/{name}"
        return Staged([self._move(f"{self.root}/{PRIVATE}/{other}", source)])

    def _changed(self, dataset: str, after: Mapping[str, Digest]) -> list[str]:
        """The days whose partition is to be replaced by rows of these digests."""
        if self.rebuild:
            return list(after)
        before, faults = self.digests(dataset, after), self.faults(dataset, after)
        return [
            day
            for day, digest in after.items()
            if digest.hash is None or before[day] != digest or day in faults
        ]

    def _marked(self, staged: str, dataset: str, dt: str, digest: Digest) -> Move:
        markers.mark(self.files, staged, digest)
        return self._move(self.path(dataset, dt), staged)

    def _move(self, target: str, source: str | None = None) -> Move:
        """What puts `source` in the place of `target`, or just takes that away."""
        aside = f"{self._own}/aside/{uuid.uuid4().hex[:8]}"
        return Move(target, aside, source, self.files.names(source) if source else [])

    def _empty(self, dataset: str, staged: str) -> None:
        """Make a partition without rows; Spark writes one file, and it is copied."""
        model = f"{self._own}/empty/{dataset}"
        if not self.files.exists(model):
            empty = self._spark.createDataFrame([], DATASETS[dataset])
            empty.coalesce(1).write.mode("overwrite").parquet(model)
        for name in markers.data(self.files.names(model)):
            self.files.copy(f"{model}/{name}", f"{staged}/{uuid.uuid4().hex[:8]}-{name}")
