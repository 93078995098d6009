"""Airflow's web interface on loopback: every process of it ends with this one."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import processes
from imgdedup.local.airflow import Space, claimed, environment, start_runner

HOST = "127.0.0.1"
# `airflow standalone` would start the same, but its log servers listen on all interfaces and no
# setting changes that. Nothing here needs a triggerer: no task of the DAG defers.
SERVICES = (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"])
_PATIENCE = 180  # seconds until all services must be up


def serve(root: Path | None) -> int:
    """Run Airflow until it is stopped; return the exit status.

    With `root` Airflow's files are those of the runs of `run.py` on it, whose history shows, and
    runs started from the interface write there unless told otherwise. Without it they live in a
    temporary folder of the environment that goes with the service.
    """
    with processes.stoppable(), _home(root) as home, claimed(home) as space:
        services: list[subprocess.Popen[str]] = []
        log = space.private / "logs" / "ui.log"
        try:
            with log.open("w", encoding="utf-8") as output:
                say("starting Airflow; this takes a moment")
                port = free_port(8080)
                services.append(start_runner(space, [], output))
                if services.pop().wait():
                    raise UserError(f"Airflow's database cannot be prepared{_tail(log)}")
                settings = _settings(space, port, root)
                for service in SERVICES:
                    command = [sys.executable, "-m", "airflow", *service]
                    services.append(processes.start(command, settings, space.tmp, output))
            _wait_until_healthy(port, services, log)
            say(
                f"Airflow is at http://{HOST}:{port}/dags/image_dedup (no password; Ctrl-C ends it)"
            )
            while all(service.poll() is None for service in services):
                time.sleep(0.5)
            raise UserError(f"a service of Airflow ended{_tail(log)}")
        except processes.Stopped:
            say("stopping Airflow")
            return 0
        finally:
            processes.end(services)


@contextmanager
def _home(root: Path | None) -> Iterator[Path]:
    if root is not None:
        yield root.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="airflow-", dir=sys.prefix))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _settings(space: Space, port: int, root: Path | None) -> dict[str, str]:
    settings = {
        **environment(space),
        "AIRFLOW__API__HOST": HOST,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        # Whoever reaches loopback is this machine's user already.
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        # Each stage uses the whole machine.
        "AIRFLOW__CORE__PARALLELISM": "1",
    }
    if root is not None:
        settings["AIRFLOW_VAR_IMGDEDUP_ROOT"] = str(root.absolute())
    return settings


def free_port(preferred: int) -> int:
    """Return `preferred` if nothing on loopback listens there, else a port that is free."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise UserError("no port of the loopback interface is free")


def _wait_until_healthy(port: int, services: list[subprocess.Popen[str]], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if any(service.poll() is not None for service in services):
            break
        if _healthy(port):
            return
        time.sleep(0.5)
    raise UserError(f"Airflow does not come up{_tail(log)}")


def _healthy(port: int) -> bool:
    """Ask whether the services run and the DAG has been read."""
    address = f"http://{HOST}:{port}/api/v2/"
    try:
        with urllib.request.urlopen(f"{address}monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except OSError:
        return False
    return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))


def _tail(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    return "; its last words: " + (" / ".join(lines[-3:]) or "none")
