"""Airflow's own place for the rules of an installation: here, retries without a long wait.

The services import this module when they start. It imports the operator, so that no task has to.
"""

from datetime import timedelta
from typing import Any

import airflow.providers.apache.spark.operators.spark_submit  # noqa: F401


def task_policy(task: Any) -> None:
    """Shorten the wait before a job is tried again, and nothing else."""
    task.retry_delay = timedelta(seconds=1)
