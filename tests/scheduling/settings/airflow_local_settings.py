"""Airflow's own place for the rules of an installation: here, retries without a long wait.

The report is a stand-in, too: it calls that of spark-submit, which notes the call. The services
import this module when they start. It imports the operator, so that no task has to.
"""

import subprocess
from datetime import timedelta
from typing import Any

import airflow.providers.apache.spark.operators.spark_submit  # noqa: F401

from imgdedup.errors import UserError


def task_policy(task: Any) -> None:
    """Shorten the wait before a job is tried again, and put the stand-in for the report."""
    task.retry_delay = timedelta(seconds=1)
    if task.task_id == "report":
        task.python_callable = note_report


def note_report(root: str, params: dict[str, Any], dag_run: Any) -> None:
    """Do as ordered for the job `report` and the day of the run."""
    dt = params["dt"] or f"{dag_run.logical_date or dag_run.run_after:%Y-%m-%d}"
    options = {"root": root, "dt": dt, "until": params["until"] or "", "run-id": dag_run.run_id}
    words = [f"--{name}={value}" for name, value in options.items()]
    status = subprocess.run(["spark-submit", "report.py", *words], check=False).returncode
    if status:
        raise UserError("as ordered") if status == 2 else OSError("as ordered")
