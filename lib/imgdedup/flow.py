"""The flow: the jobs, the stages of each, their order, and the pool of the stages that settle.

No other module says so. This module imports nothing of the project, so that the DAG can read it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One stage of the flow.

    A stage that works `by_day` handles one data day and may run beside the runs of other days. Any
    other stage settles all days that have changed, and runs alone on its root.
    """

    name: str  # of its module in `stages/` and of its rows in `runs`
    by_day: bool
    reads: tuple[str, ...] = ()  # datasets under the root
    writes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """Stages that one spark-submit runs one after another, in one Spark session.

    Either all stages of a job work by day, or none.
    """

    name: str  # of its script in `jobs/` and of its task in the DAG
    stages: tuple[Stage, ...]

    @property
    def by_day(self) -> bool:
        """Whether its stages work by day."""
        return all(stage.by_day for stage in self.stages)

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that the job reads and does not write itself."""
        named = dict.fromkeys(name for stage in self.stages for name in stage.reads)
        return tuple(name for name in named if name not in self.writes)

    @property
    def writes(self) -> tuple[str, ...]:
        """The datasets that its stages write."""
        return tuple(name for stage in self.stages for name in stage.writes)


REVIEWS = "reviews"  # the dataset that people write
JOBS = (
    Job(
        "embed",
        (
            Stage("scan", by_day=True, writes=("manifest",)),
            Stage("embed", by_day=True, reads=("manifest",), writes=("embeddings",)),
        ),
    ),
    Job(
        "index",
        (
            Stage("fit", by_day=False, reads=("embeddings",)),
            Stage("index", by_day=False, reads=("embeddings",)),
        ),
    ),
    Job(
        "dedup",
        (
            Stage("search", by_day=False, reads=("embeddings",), writes=("candidates",)),
            Stage(
                "verify",
                by_day=False,
                reads=("embeddings", "candidates", REVIEWS),
                writes=("pairs",),
            ),
            Stage(
                "group",
                by_day=False,
                reads=("manifest", "pairs"),
                writes=("groups", "group_changes", "deduplicated"),
            ),
        ),
    ),
)
FLOW = tuple(stage for job in JOBS for stage in job.stages)
STAGES = tuple(stage.name for stage in FLOW)
BY_DAY = tuple(stage.name for stage in FLOW if stage.by_day)
SETTLING = tuple(stage.name for stage in FLOW if not stage.by_day)
JOB_OF = {stage.name: job.name for job in JOBS for stage in job.stages}
REPORT = "report"  # the task after the jobs, without Spark, and the folder of its pages
TASKS = (*(job.name for job in JOBS), REPORT)  # of the DAG
POOL = "imgdedup_index"  # the Airflow pool of one slot in which the jobs that settle wait
