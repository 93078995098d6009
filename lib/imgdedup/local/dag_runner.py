"""Runs the DAG in this process, through Airflow's `DAG.test`: no scheduler, no other service.

Airflow reads its settings from the environment when it is imported. So this is a program of its
own, and `airflow.py` prepares its environment and starts it. Several days run in one process:
Airflow needs about seven seconds to start, a further run almost none.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from imgdedup.flow import POOL

DAG_ID = "image_dedup"
EVENT = "imgdedup-event: "


def main() -> int:
    """Read the runs' parameters from the command line, a JSON list, and run one after another.

    Without runs, only prepare the database. Stops at the first run that fails.
    """
    # A command that a shell starts in the background ignores SIGINT. The runner must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runs = json.loads(sys.argv[1])
    prepare_database(Path(os.environ["AIRFLOW_HOME"]) / "prepared")
    if not runs:
        return 0
    try:
        return 0 if all(map(run, runs)) else 1
    finally:
        stop_listeners()


def stop_listeners() -> None:
    """Let Airflow's listeners send what they hold, and end their processes.

    A process that outlives this one keeps its output open, and who reads it waits.
    """
    from airflow.listeners.listener import get_listener_manager

    get_listener_manager().hook.before_stopping(component=None)


def prepare_database(stamp: Path) -> None:
    """Create or migrate the metadata database and the pool, once for each version of Airflow."""
    from airflow import __version__

    if stamp.is_file() and stamp.read_text() == __version__:
        return
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    Pool.create_or_update_pool(
        POOL, slots=1, description="one run at a time uses the collection", include_deferred=False
    )
    stamp.write_text(__version__)


def run(parameters: dict[str, Any]) -> bool:
    """Run the DAG once with `parameters`, and print each job's start and end; True: success.

    No job is tried a second time, since a person waits for the result.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    if DAG_ID not in bag.dags:
        raise RuntimeError(f"Airflow cannot load the DAG: {bag.import_errors}")
    dag = bag.dags[DAG_ID]
    for task in dag.tasks:
        task.retries = 0
        task.on_execute_callback = [_tell("start")]
        task.on_success_callback = [_tell("done")]
        task.on_failure_callback = [_tell("fail")]
    now = datetime.now(UTC)  # names the run: each run needs a new name
    finished = dag.test(run_after=now, logical_date=now, run_conf=parameters)
    return bool(finished.state == "success")


def _tell(what: str) -> Callable[[Any], None]:
    def tell(context: Any) -> None:
        reason = str(context.get("exception") or "") if what == "fail" else ""
        params = context["params"]
        days = " to ".join(filter(None, (params["dt"], params["until"])))
        event = {"what": what, "job": context["ti"].task_id, "days": days, "reason": reason}
        print(EVENT + json.dumps(event), flush=True)

    return tell


if __name__ == "__main__":
    try:
        status = main()
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # Airflow's threads would take two more seconds to wind down
