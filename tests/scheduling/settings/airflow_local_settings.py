"""Airflow's own place for the rules of an installation: here, retries without a long wait.

Imported by the services when they start. What else it imports, a task need not import again.
"""

from datetime import timedelta
from typing import Any

import airflow.providers.apache.spark.operators.spark_submit  # noqa: F401


def task_policy(task: Any) -> None:
    """Shorten the wait before a stage is tried again, and nothing else."""
    task.retry_delay = timedelta(seconds=1)
