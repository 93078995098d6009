"""Deduplicates the images of a day, or of a range of days, in three jobs, and writes the report.

- `embed` scans the images and embeds them.
- `index` fits the projection of the corpus and fills the collection in Milvus.
- `dedup` searches candidates, verifies which are copies, and groups them.
- `report` writes the pages for people.

The DAG decides when each job runs and with which parameters. A job is a script in `jobs/`, run by
one spark-submit. The task `report` needs no Spark. The DAG runs when a day is over (UTC), for that
day.

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
Without the pool, `index`, `dedup` and `report` are never scheduled; `embed` does not need it.
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
depend on them. The pages are `<root>/report/index.html`. They are written after the tables, so when
`report` fails, the tables are right and the last pages stay.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, Param, chain

from imgdedup.console import say
from imgdedup.flow import JOBS, POOL, REPORT, Job
from imgdedup.runtime.operators import (
    MILVUS_CONNECTION,
    ROOT,
    JobOperator,
    RetryUnlessUsersFault,
    StepOperator,
    refusal,
    require_root,
    root_param,
)

REPOSITORY = Path(__file__).resolve().parents[1]
CONF = REPOSITORY / "conf"
OUTLETS = {
    "dedup": [
        Asset("imgdedup_pairs"),
        Asset("imgdedup_groups"),
        Asset("imgdedup_deduplicated"),
    ],
}

# In some ways of starting a run, `ds` and `data_interval_start` do not exist or mean today.
DT = "(params.dt or ((dag_run.logical_date or dag_run.run_after) | ds))"
UNTIL = f"last_day({DT}, params.until)"
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
    "root": root_param(),
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


def last_day(dt: str, until: str | None) -> str:
    """Return the last day of a range, "" for `dt` alone; fail the task when it is before `dt`."""
    if until and until < dt:
        raise refusal(f"the range of days ends on {until}, before it begins on {dt}")
    return until or ""


def settings_of(settings: Mapping[str, object], refit: bool) -> dict[str, object]:
    """Return the settings of a run, with the parameter `refit` when it is set.

    Fail the task when they hold credentials, before a command line shows them.
    """
    if "@" in str(settings.get("milvus.uri", "")):
        raise refusal(
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
        raise refusal(str(error)) from None


def write_report(root: str) -> str:
    """Write the pages of the report; return the place of the first."""
    from imgdedup.report import pages  # at run time, for the same reason

    place = pages.write(root)
    say(f"{REPORT}: {place}")
    return place


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
    scans = "manifest" in job.writes
    if scans:
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
        root=arguments["--root"],
        images=f"{{{{ {MANIFEST} or {ROOT} ~ '/manifest' }}}}" if scans else "",
        reads=job.reads,
        writes=job.writes,
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
    chain(
        *map(_task, JOBS),
        StepOperator(
            task_id=REPORT,
            python_callable=write_report,
            root=f"{{{{ {ROOT} }}}}",
            reads=("embeddings", "candidates", "pairs", "groups", "runs"),
            writes=(REPORT,),
            pool=POOL,  # no job changes the tables meanwhile, and one report at a time is written
        ),
    )
