"""The account of a stage: its row in `runs`, and its line on the console."""

import platform
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version

from imgdedup.lake.schemas import RUNS
from imgdedup.runtime.run import Outcome, Run

_VERSIONS = (
    "imgdedup",
    "pyspark",
    "pymilvus",
    "milvus-lite",
    "openvino",
    "torch",
    "pillow",
    "pillow-heif",
    "pyarrow",
    "deltalake",
    "pyiceberg",
)


def write_record(
    run: Run,
    stage: str,
    started: datetime,
    seconds: float,
    peak_bytes: int,
    outcome: Outcome | None,
    message: str | None,
) -> None:
    """Append the row of a stage to `runs`; no `outcome` means that the stage failed."""
    details = {key: str(value) for key, value in outcome.details.items()} if outcome else {}
    if len(run.days) > 1:
        details["days"] = f"{run.days[0]} to {run.days[-1]}"
    row = {
        "run_id": run.run_id,
        "stage": stage,
        "status": "failed" if outcome is None else "succeeded",
        "started_at": started,
        "seconds": seconds,
        "rows_in": outcome.rows_in if outcome else None,
        "rows_out": outcome.rows_out if outcome else None,
        "peak_rss_bytes": peak_bytes,
        "model": outcome.model if outcome else None,
        "details": details,
        "versions": {"python": platform.python_version()} | _versions(),
        "message": message,
    }
    run.lake.append_run(run.dt, run.lake.frame([row], RUNS))


def _versions() -> dict[str, str]:
    """The release of each package that results depend on; OpenVINO may not be installed."""
    found = {}
    for package in _VERSIONS:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def summary(outcome: Outcome) -> str:
    """What a stage did, in words."""
    parts = [f"{outcome.rows_in:,} rows in", f"{outcome.rows_out:,} out"]
    parts += [f"{key.replace('_', ' ')} {value}" for key, value in outcome.details.items()]
    return ", ".join(parts)
