"""Deduplicates the images of a day, or of a range of days, in three jobs.

- `embed` scans the images and embeds them.
- `index` fits the projection of the corpus and fills the collection in Milvus.
- `dedup` searches candidates, verifies which are copies, and groups them.

The DAG decides when each job runs and with which parameters. A job is a script in `jobs/`, run by
one spark-submit. The DAG runs when a day is over (UTC), for that day.

### Parameters

- `dt`: the data day. Empty: the run's logical date; without one, the day it was queued.
- `until`: the last day of a range of days that begins with `dt`. One run takes the whole range, and
  leaves out the days for which there is nothing. Empty: `dt` alone.
- `root`: folder or object-store prefix of the tables. Empty: the Variable `imgdedup_root`.
- `manifest`: folder, prefix or Parquet of images; `{dt}` in it stands for the day. Empty: the
  Variable `imgdedup_manifest`; without one, `<root>/manifest/dt=<day>` is taken as it is.
- `overlay`: the file of `conf/` laid over `base.toml`. Empty: the Variable `imgdedup_overlay`, else
  `local`.
- `settings`: single settings over both files, as `{"embed.batch_size": 64}`.
- `refit`: learn the projection and the threshold of candidates again, for a corpus that outgrew
  them or was embedded with another model. All contents are indexed and searched again. The old
  projection stays in use until that is done.

### Before the first run

    airflow pools set imgdedup_index 1 "one run at a time uses the collection"
    airflow variables set imgdedup_root s3a://bucket/dedup
    airflow connections add spark_default --conn-type spark --conn-host 'local[*]'

A Milvus server that wants credentials has them in the connection `imgdedup_milvus`: login and
password, or a token as the password alone. They reach the job in its environment.
Without the pool, the jobs `index` and `dedup` are never scheduled; `embed` does not need it.
Spark must run the driver beside Airflow (deploy mode `client`), where `jobs/` and `conf/` are.

### Run a day again, run past days

A day may be run again at any time: each stage replaces whole partitions, and equal input gives
equal tables. One run takes a month of small days, and starts each job once:

    airflow dags trigger image_dedup --conf '{"dt": "2026-01-01", "until": "2026-01-31"}'

`airflow backfill create --dag-id image_dedup --from-date 2026-01-01 --to-date 2026-01-31` makes a
run for each day. Large days embed side by side, and the pool lets one job at a time use the
collection. Airflow tries a failed or killed job again, and the stages that were done find nothing
new to do, unless the run refits or repairs: then they work again. No process of the killed job goes
on beside the new one. Airflow does not try again after exit status 2: the fault is in the input,
the configuration or the machine, and only a person can mend it.

### Results

`pairs`, `groups`, `deduplicated` and the other tables lie under the root, in partitions `dt=<day>`.
The assets `imgdedup_pairs`, `imgdedup_groups` and `imgdedup_deduplicated` start the DAGs that
depend on them.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import (
    DAG,
    Asset,
    BaseHook,
    CronDataIntervalTimetable,
    Param,
    RetryDecision,
    RetryPolicy,
    chain,
)
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException

from imgdedup.flow import JOBS, POOL, Job

REPOSITORY = Path(__file__).resolve().parents[1]
CONF = REPOSITORY / "conf"
OUTLETS = {
    "dedup": [
        Asset("imgdedup_pairs"),
        Asset("imgdedup_groups"),
        Asset("imgdedup_deduplicated"),
    ],
}

MILVUS_CONNECTION = "imgdedup_milvus"
MILVUS_VARIABLES = tuple(f"IMGDEDUP_MILVUS_{name}" for name in ("TOKEN", "USER", "PASSWORD"))

# In some ways of starting a run, `ds` and `data_interval_start` do not exist or mean today.
DT = "(params.dt or ((dag_run.logical_date or dag_run.run_after) | ds))"
UNTIL = f"last_day({DT}, params.until)"
ROOT = "require_root(params.root or var.value.get('imgdedup_root', ''))"
MANIFEST = "params.manifest or var.value.get('imgdedup_manifest', '')"
SETTINGS = "settings_of(params.settings, params.refit)"
OVERLAY = "params.overlay or var.value.get('imgdedup_overlay', 'local')"

PARAMS = {
    "dt": Param(
        None,
        type=["null", "string"],
        format="date",
        description="Data day. Empty: the run's logical date, or the day it was queued.",
    ),
    "until": Param(
        None,
        type=["null", "string"],
        format="date",
        description="Last day of a range of days for one run. Empty: only the data day.",
    ),
    "root": Param(
        None,
        type=["null", "string"],
        description="Folder or object-store prefix that holds the tables. "
        "Empty: the Airflow Variable imgdedup_root.",
    ),
    "manifest": Param(
        None,
        type=["null", "string"],
        description="Folder, object-store prefix or Parquet of images; {dt} in it is the day. "
        "Empty: the Variable imgdedup_manifest, else the day's partition under root/manifest.",
    ),
    "overlay": Param(
        None,
        type=["null", "string"],
        pattern="^([a-z][a-z0-9_]*)?$",
        examples=["local", "cluster"],
        description="File of conf/ laid over base.toml. "
        "Empty: the Variable imgdedup_overlay, else local.",
    ),
    "settings": Param(
        {},
        type="object",
        propertyNames={"pattern": r"^[a-z_]+\.[a-z_]+$"},
        description='Settings of this run over the configuration: {"section.key": value}.',
    ),
    "refit": Param(
        False,
        type="boolean",
        description="Fit again: for a corpus that outgrew its projection, or has another model.",
    ),
}


class RetryUnlessUsersFault(RetryPolicy):
    """Does not retry a job that ended with exit status 2: only a person can mend its fault."""

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Any = None
    ) -> RetryDecision:
        """Read the exit status from the exception's message, since the exception has no field."""
        if "Error code is: 2." in str(exception):
            return RetryDecision.fail("the input or the configuration is at fault")
        return RetryDecision.default()


class JobOperator(SparkSubmitOperator):
    """A job whose spark-submit ends with its task, however the task ends."""

    def execute(self, context: Any) -> None:
        """Run spark-submit; raises AirflowException when it fails."""
        from imgdedup.runtime.guard import guarded  # at run time: parsing this file stays cheap

        with guarded(), milvus_credentials():
            super().execute(context)


@contextmanager
def milvus_credentials() -> Iterator[None]:
    """Hand the connection `imgdedup_milvus`, if there is one, to spark-submit in its environment.

    The environment is the only way on which a password shows in no command line, page or log.
    """
    try:
        found = BaseHook.get_connection(MILVUS_CONNECTION)
    except AirflowNotFoundException:
        yield
        return
    user, password = found.login or "", found.password or ""
    values = ("", user, password) if user else (password, "", "")
    before = {name: os.environ.get(name) for name in MILVUS_VARIABLES}
    os.environ.update(zip(MILVUS_VARIABLES, values, strict=True))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def require_root(root: str) -> str:
    """Return `root`; fail the task at once when it is empty."""
    if not root:
        raise _refusal("no root: give the parameter root or set the Airflow Variable imgdedup_root")
    return root


def last_day(dt: str, until: str | None) -> str:
    """Return the last day of a range, "" for `dt` alone; fail the task when it is before `dt`."""
    if until and until < dt:
        raise _refusal(f"the range of days ends on {until}, before it begins on {dt}")
    return until or ""


def settings_of(settings: Mapping[str, object], refit: bool) -> dict[str, object]:
    """Return the settings of a run, with the parameter `refit` when it is set.

    Fail the task when they hold credentials, before a command line shows them.
    """
    if "@" in str(settings.get("milvus.uri", "")):
        raise _refusal(
            "milvus.uri must be an address alone: put credentials into the connection "
            f"{MILVUS_CONNECTION}"
        )
    return {**settings, **({"fit.refit": True} if refit else {})}


def driver_memory(overlay: str, settings: Mapping[str, object]) -> str:
    """Return the heap of the driver: the JVM needs it before the job can read its settings."""
    from imgdedup import config, errors  # at run time, for the same reason

    try:
        return config.load(CONF, overlay, settings).spark.driver_memory
    except errors.UserError as error:
        raise _refusal(str(error)) from None


def _refusal(reason: str) -> AirflowFailException:
    from imgdedup.console import say

    say(f"error: {reason}")
    return AirflowFailException(reason)


def _task(job: Job) -> JobOperator:
    arguments = {
        "--root": f"{{{{ {ROOT} }}}}",
        "--dt": f"{{{{ {DT} }}}}",
        "--until": f"{{{{ {UNTIL} }}}}",
        "--run-id": "{{ run_id }}",
        "--conf-dir": str(CONF),
        "--overlay": f"{{{{ {OVERLAY} }}}}",
        "--settings": f"{{{{ {SETTINGS} | tojson }}}}",
    }
    if any(stage.name == "scan" for stage in job.stages):
        arguments["--manifest"] = f"{{{{ {MANIFEST} }}}}"
    return JobOperator(
        task_id=job.name,
        name=f"imgdedup {job.name}",
        application=str(REPOSITORY / "jobs" / f"{job.name}.py"),
        # Option and value are one element, so that a value may begin with a dash.
        application_args=[f"{option}={value}" for option, value in arguments.items()],
        conf={"spark.driver.memory": f"{{{{ driver_memory({OVERLAY}, params.settings) }}}}"},
        pool="default_pool" if job.by_day else POOL,
        outlets=OUTLETS.get(job.name, []),
    )


with DAG(
    dag_id="image_dedup",
    # A run starts when a day is over and has that day's date. "@daily" would have the next day's.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=4,  # so many days embed at once; the pool queues the later jobs
    params=PARAMS,
    user_defined_macros={
        "require_root": require_root,
        "last_day": last_day,
        "driver_memory": driver_memory,
        "settings_of": settings_of,
    },
    default_args={
        "conn_id": "spark_default",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": 2.0,  # factor from one delay to the next
        "max_retry_delay": timedelta(hours=1),
        "retry_policy": RetryUnlessUsersFault(),
        "execution_timeout": timedelta(hours=48),
    },
    description="Finds copies of images, edited ones too, and keeps one of each",
    doc_md=__doc__,
    tags=["imgdedup"],
) as dag:
    chain(*map(_task, JOBS))
