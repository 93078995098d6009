"""The flow: the stages, their order, which of them work day by day, and the pool of the others.

No other module says so. This module imports nothing of the project, so that the DAG can read it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One stage of the flow.

    A stage that works `by_day` handles one data day and may run beside the runs of other days. Any
    other stage settles all days that have changed, and runs alone on its root.
    """

    name: str  # of its module in `stages/`, its script in `jobs/` and its task in the DAG
    by_day: bool


FLOW = (
    Stage("scan", by_day=True),
    Stage("embed", by_day=True),
    Stage("fit", by_day=False),
    Stage("index", by_day=False),
    Stage("search", by_day=False),
    Stage("verify", by_day=False),
    Stage("group", by_day=False),
)
STAGES = tuple(stage.name for stage in FLOW)
BY_DAY = tuple(stage.name for stage in FLOW if stage.by_day)
SETTLING = tuple(stage.name for stage in FLOW if not stage.by_day)
POOL = "imgdedup_index"  # the Airflow pool of one slot in which the stages that settle wait
