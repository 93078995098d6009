"""Talks to a running Airflow as its users do: through the REST API and the command line."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from imgdedup.errors import UserError
from imgdedup.local.dag_runner import DAG_ID
from imgdedup.local.services import Services

ENDED = ("success", "failed")
_PAGE = 100  # rows per request: the API gives no more


class Client:
    """A user of the Airflow that `services` run."""

    def __init__(self, services: Services, dag_id: str = DAG_ID):
        self.services = services
        self.dag_id = dag_id
        answer = self._request("GET", f"{services.address}/auth/token", None, {})
        self._headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def is_known(self) -> bool:
        """Whether Airflow has read the DAG yet."""
        return self.dag_id in (dag["dag_id"] for dag in self.call("GET", "dags")["dags"])

    def unpause(self, paused: bool = False) -> None:
        """Let the scheduler start runs of the DAG; `paused` stops it again."""
        self.call("PATCH", f"dags/{self.dag_id}", {"is_paused": paused})

    def trigger(self, logical_date: str | None = None, **conf: object) -> str:
        """Start a run with `conf` as its parameters; return its id.

        `logical_date` is an ISO time with a zone; None leaves the run without one.
        """
        body = {"logical_date": logical_date, "conf": conf}
        return str(self.call("POST", f"dags/{self.dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, run_id: str) -> dict[str, Any]:
        """What the API tells about a run."""
        return dict(self.call("GET", f"dags/{self.dag_id}/dagRuns/{quote(run_id)}"))

    def runs(self, **filters: str) -> list[dict[str, Any]]:
        """The runs of the DAG for which the API's `filters` hold, such as state=failed."""
        return self._rows(f"dags/{self.dag_id}/dagRuns", "dag_runs", filters)

    def count(self, **filters: str) -> int:
        """The number of `runs(**filters)`."""
        query = urlencode({**filters, "limit": 1})
        return int(self.call("GET", f"dags/{self.dag_id}/dagRuns?{query}")["total_entries"])

    def tasks(self, run_id: str = "~") -> list[dict[str, Any]]:
        """The task instances of a run, or of all runs."""
        place = f"dags/{self.dag_id}/dagRuns/{quote(run_id)}/taskInstances"
        return self._rows(place, "task_instances", {})

    def raised_by(self, run_id: str) -> list[dict[str, Any]]:
        """The asset events that started a run."""
        place = f"dags/{self.dag_id}/dagRuns/{quote(run_id)}/upstreamAssetEvents"
        return list(self.call("GET", place)["asset_events"])

    def clear(self, run_id: str, job: str) -> None:
        """Let Airflow run a job of a run again, and the jobs after it."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "task_ids": [job],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
        }
        self.call("POST", f"dags/{self.dag_id}/clearTaskInstances", body)

    def command(self, *words: str) -> str:
        """Run an `airflow` command and return its output; UserError when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *words],
            env=dict(self.services.environment),
            cwd=self.services.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise UserError(f"airflow {' '.join(words)} failed: {done.stderr or done.stdout}")
        return done.stdout

    def wait(self, what: str, done: Callable[[], bool], seconds: float, poll: float = 0.5) -> None:
        """Call `done` every `poll` seconds until it gives True; UserError after `seconds`."""
        deadline = time.monotonic() + seconds
        while not done():
            self.services.require_running()
            if time.monotonic() > deadline:
                raise UserError(f"{what}: not within {seconds:.0f} s")
            time.sleep(poll)

    def call(self, method: str, place: str, body: object = None) -> Any:
        """Call the public API and return its answer; UserError quotes a refusal."""
        return self._request(method, f"{self.services.address}/api/v2/{place}", body, self._headers)

    def _rows(self, place: str, name: str, filters: Mapping[str, str]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            query = urlencode({**filters, "limit": _PAGE, "offset": len(rows), "order_by": "id"})
            page = self.call("GET", f"{place}?{query}")
            rows += page[name]
            if not page[name] or len(rows) >= page["total_entries"]:
                return rows

    def _request(self, method: str, address: str, body: object, headers: Mapping[str, str]) -> Any:
        request = urllib.request.Request(
            address,
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json", **headers},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            words = error.read().decode(errors="replace")
            raise UserError(f"Airflow refuses {method} {address}: {words}") from None
