"""A running Airflow on loopback: its services start together and end together."""

import json
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imgdedup.errors import UserError
from imgdedup.local import processes
from imgdedup.local.airflow import start_runner
from imgdedup.local.workspace import Workspace, environment

HOST = "127.0.0.1"
# `airflow standalone` would start the same services, but its log servers listen on all interfaces,
# and no setting changes that. No task defers, and an approval waits without the triggerer.
SERVICES = (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"])
_PATIENCE = 180  # seconds until all services must be up


@dataclass(frozen=True)
class Services:
    """The services of one Airflow, while they run."""

    address: str  # http://host:port
    environment: Mapping[str, str]  # with it, an `airflow` command uses this Airflow
    folder: Path  # for temporary files of such a command
    log: Path  # the output of all services
    processes: Sequence[subprocess.Popen[str]]

    def require_running(self) -> None:
        """Raise UserError when one of the services has ended."""
        if any(process.poll() is not None for process in self.processes):
            raise UserError(f"a service of Airflow ended{_tail(self.log)}")


@contextmanager
def running(
    space: Workspace, port: int, log: Path, changes: Mapping[str, str]
) -> Iterator[Services]:
    """Start Airflow on the database in `space`, wait until it is healthy; end it after the block.

    `changes` are laid over its environment. The services print to `log`. Raises UserError when
    they do not start.
    """
    started: list[subprocess.Popen[str]] = []
    settings = {**environment(space), **_settings(port), **changes}
    try:
        with log.open("w", encoding="utf-8") as output:
            started.append(start_runner(space, [], output))
            if started.pop().wait():
                raise UserError(f"Airflow's database cannot be prepared{_tail(log)}")
            for service in SERVICES:
                command = [sys.executable, "-m", "airflow", *service]
                started.append(processes.start(command, settings, space.tmp, output))
        services = Services(f"http://{HOST}:{port}", settings, space.tmp, log, started)
        _wait_until_healthy(services)
        yield services
    finally:
        processes.end(started)


def free_port(preferred: int) -> int:
    """Return `preferred` if nothing on loopback listens there, else a free port."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UserError("no port of the loopback interface is free")


def _settings(port: int) -> dict[str, str]:
    address = f"http://{HOST}:{port}"
    return {
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        # Seconds until a waiting worker sees that its job has ended; the default is 5.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # Only users of this machine reach loopback.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    }


def _wait_until_healthy(services: Services) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        services.require_running()
        if _healthy(services.address):
            return
        time.sleep(0.5)
    raise UserError(f"Airflow does not come up{_tail(services.log)}")


def _healthy(address: str) -> bool:
    """Ask whether the scheduler and the DAG processor report that they run."""
    try:
        with urllib.request.urlopen(f"{address}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except OSError:
        return False
    return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return "; its last words: " + (" / ".join(lines[-3:]) or "none")
