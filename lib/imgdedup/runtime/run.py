"""What a stage gets, what it gives back, and the lock it holds meanwhile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import SparkSession

from imgdedup.config import Config
from imgdedup.flow import BY_DAY
from imgdedup.lake import Lake


@dataclass(frozen=True)
class Run:
    """One stage of one run: where it reads and writes, and its configuration."""

    spark: SparkSession
    lake: Lake
    dt: str  # the day to work on; for a stage that settles all days, the last day of the run
    days: tuple[str, ...]  # all days of the run, in order
    run_id: str
    config: Config
    manifest: str  # for scan: a folder, prefix or Parquet; `{dt}` in it stands for the day


@dataclass(frozen=True)
class Outcome:
    """What a stage did, for its row in `runs`; `details` are figures by name."""

    rows_in: int
    rows_out: int
    model: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)


Body = Callable[[Run], Outcome]


def run_locked(stage: str, body: Body, run: Run) -> Outcome:
    """Run the `body` of a stage under the lock that the stage needs.

    A stage that works by day is the only one of its name and day. Any other stage is the only
    writer of the root. Raises lake.Busy when another run holds the lock for too long.
    """
    with run.lake.claimed() if stage in BY_DAY else run.lake.alone():
        return body(run)
