"""Moves the copies that `image_dedup` found to a quarantine, once a person has approved.

- `plan` writes the table `plan`: what may go, and within which limits. It touches no image.
- `approve` waits for a person. It shows the number of images and their bytes, by source, and what
  the limits left out. An empty plan is not asked about.
- `apply` moves the images of the plan. It deletes nothing.

A person answers in Airflow's web interface, under Required Actions, or through its API. After a
rejection `apply` is skipped, and the run ends with nothing moved. Nobody answers within 7 days: the
run fails, with nothing moved.

### Parameters

- `root`: folder or object-store prefix of the tables. Empty: the Variable `imgdedup_root`.
- `most_images`: the most images that a plan moves.
- `most_share`: of a folder that would lose more than this share of its images, nothing is moved.
- `protect`: folders or prefixes of which nothing is moved.
- `across`: also move a copy whose keeper lies in another source.

### Before the first run

The root, the pool `imgdedup_index` and the Variable are those of `image_dedup`. `plan` and `apply`
wait in the pool, so that no job of a run changes the tables meanwhile. While `embed` reads images
of a day, they are tried again every quarter of an hour, for six hours. Airflow's workers must be
able to move the images.

### Run again, undo

`apply` may be run again: it goes on where it was killed. A plan is not applied when the tables have
changed since: start a new run. `python -m imgdedup.removal undo` puts all images of a plan back,
and `purge` deletes them from the quarantine. No DAG does either.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import DAG, Param, chain

from imgdedup.flow import POOL
from imgdedup.runtime.operators import (
    ROOT,
    ApproveOperator,
    StepOperator,
    require_root,
    root_param,
)

PARAMS = {
    "root": root_param(),
    "most_images": Param(10_000, type="integer", minimum=1, description="Most images to move."),
    "most_share": Param(
        0.5,
        type="number",
        exclusiveMinimum=0,
        maximum=1,
        description="Largest share of a folder's images to move; a folder with more is left alone.",
    ),
    "protect": Param(
        [],
        type="array",
        items={"type": "string", "minLength": 1},
        description="Folders or prefixes of which nothing is moved.",
    ),
    "across": Param(
        False, type="boolean", description="Also move a copy whose keeper is in another source."
    ),
}


def plan(root: str, params: Mapping[str, Any]) -> dict[str, object]:
    """Write the plan; see `imgdedup.removal.tasks`."""
    from imgdedup.removal import tasks  # at run time: parsing this file stays cheap

    return tasks.plan(root, params)


def apply(root: str, plan_id: str) -> dict[str, object]:
    """Move the images of the plan; see `imgdedup.removal.tasks`."""
    from imgdedup.removal import tasks  # at run time, for the same reason

    return tasks.apply(root, plan_id)


PLAN = "ti.xcom_pull(task_ids='plan')"

with DAG(
    dag_id="image_dedup_removal",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params=PARAMS,
    user_defined_macros={"require_root": require_root},
    # While a day is embedded, which needs no slot of the pool, the lock keeps them away: for hours.
    default_args={"retries": 24, "retry_delay": timedelta(minutes=15)},
    description="Moves copies to a quarantine, once a person has approved",
    doc_md=__doc__,
    tags=["imgdedup"],
) as dag:
    chain(
        StepOperator(
            task_id="plan",
            python_callable=plan,
            root=f"{{{{ {ROOT} }}}}",
            reads=("embeddings", "groups"),
            writes=("plan",),
            pool=POOL,
        ),
        ApproveOperator(
            task_id="approve",
            planned_by="plan",
            subject=f"Move {{{{ {PLAN}['images'] }}}} images of plan {{{{ {PLAN}['id'] }}}} "
            "to a quarantine?",
            body=f"{{{{ {PLAN}['words'] }}}}",
            response_timeout=timedelta(days=7),
            retries=0,
        ),
        StepOperator(
            task_id="apply",
            python_callable=apply,
            op_kwargs={"plan_id": f"{{{{ {PLAN}['id'] }}}}"},
            root=f"{{{{ {ROOT} }}}}",
            reads=("plan",),
            pool=POOL,
        ),
    )
