"""Runs of the DAG of removal under a running Airflow: real tables, real files."""

from collections.abc import Mapping
from pathlib import Path

from benchmarks.removal.lake import DAY, read_folder, write_tables
from imgdedup.local.client import ENDED, Client
from tests.scheduling.conftest import PATIENCE

ALONE = {"c.jpg": b"dog/alone"}
COPIES = {"a.jpg": b"cat/the original", "b.jpg": b"cat/a copy", **ALONE}


def lake(folder: Path, files: Mapping[str, bytes]) -> None:
    (folder / "photos").mkdir()
    for name, data in files.items():
        (folder / "photos" / name).write_bytes(data)
    write_tables(str(folder / "lake"), {DAY: read_folder(folder / "photos")})


def states(client: Client, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in client.tasks(run_id)}


def until(client: Client, run_id: str, due: str) -> None:
    """Wait until the approval of a run is in the state `due`."""
    client.wait(run_id, lambda: states(client, run_id)["approve"] == due, PATIENCE)


def request(client: Client, run_id: str) -> str:
    return f"dags/{client.dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"


def answered(client: Client, run_id: str, option: str) -> tuple[str, dict[str, str]]:
    """Answer as a person would; the state of the run at its end, and those of its tasks."""
    client.call("PATCH", request(client, run_id), {"chosen_options": [option], "params_input": {}})
    client.wait(run_id, lambda: client.run(run_id)["state"] in ENDED, PATIENCE)
    return client.run(run_id)["state"], states(client, run_id)


def photos(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "photos").glob("*.jpg"))
