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


JOBS = (
    Job("embed", (Stage("scan", by_day=True), Stage("embed", by_day=True))),
    Job("index", (Stage("fit", by_day=False), Stage("index", by_day=False))),
    Job(
        "dedup",
        (
            Stage("search", by_day=False),
            Stage("verify", by_day=False),
            Stage("group", by_day=False),
        ),
    ),
)
FLOW = tuple(stage for job in JOBS for stage in job.stages)
STAGES = tuple(stage.name for stage in FLOW)
BY_DAY = tuple(stage.name for stage in FLOW if stage.by_day)
SETTLING = tuple(stage.name for stage in FLOW if not stage.by_day)
JOB_OF = {stage.name: job.name for job in JOBS for stage in job.stages}
POOL = "imgdedup_index"  # the Airflow pool of one slot in which the jobs that settle wait
