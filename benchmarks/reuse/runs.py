"""Runs the stages scan and embed of one day as the DAG runs them, and reads their figures."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from imgdedup import config
from imgdedup.errors import UserError
from imgdedup.local import processes
from imgdedup.local.workspace import CONF, REPOSITORY, claimed, environment
from imgdedup.report.tables import read

FIRST, SECOND = "2026-01-01", "2026-01-02"
_ROW = ["image_id", "content_id", "width", "height", "embedding", "local", "features",
        "thumbnail", "failure", "model"]  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One run of embed: its row in `runs`, and a digest of the rows it wrote."""

    what: str
    images: int
    embedded: int
    reused: int
    seconds: float  # of the stage embed
    model_seconds: float  # of the network alone
    rows: str


def measured(
    what: str, lake: Path, dt: str, manifest: str, settings: Mapping[str, object]
) -> Measured:
    """Scan and embed a day; UserError when one of the two fails."""
    _submit(lake, dt, manifest, settings)
    runs = read(lake, "runs", [dt], ["stage", "started_at", "seconds", "rows_out", "details"])
    done = runs[runs["stage"] == "embed"].sort_values("started_at").iloc[-1]
    details = done["details"]
    return Measured(
        what,
        int(done["rows_out"]),
        int(details["embedded"]),
        int(details["reused"]),
        float(done["seconds"]),
        float(details["model_seconds"]),
        digest(read(lake, "embeddings", [dt], _ROW)),
    )


def _submit(lake: Path, dt: str, manifest: str, settings: Mapping[str, object]) -> None:
    memory = config.load(CONF, "local", settings).spark.driver_memory
    command = ["spark-submit", "--master", "local[*]", "--driver-memory", memory]
    command += [str(REPOSITORY / "jobs" / "embed.py"), "--root", str(lake), "--dt", dt]
    command += ["--run-id", "bench-reuse", "--conf-dir", str(CONF), "--overlay", "local"]
    command += ["--settings", json.dumps(settings)]
    command += ["--manifest", manifest.replace("{dt}", dt)]
    log = lake.with_name("log.txt")
    with claimed(lake) as space, log.open("a") as output, processes.stoppable():
        job = processes.start(command, environment(space), space.tmp, output)
        try:
            status = job.wait()
        finally:
            processes.end([job])
    if status:
        raise UserError(f"the job embed of {dt} ended with status {status}: see {log}")


def digest(rows: pd.DataFrame) -> str:
    """A digest of every bit of the rows, whatever their order."""
    hashed = hashlib.sha256()
    for row in rows.sort_values("image_id")[_ROW].itertuples(index=False):
        for value in row:
            hashed.update(value.tobytes() if hasattr(value, "tobytes") else repr(value).encode())
    return hashed.hexdigest()


def page(runs: Sequence[Measured], command: str, where: str) -> str:
    """The figures of the runs as a page to read; the last two runs wrote the same day."""
    rows = [
        f"| {run.what} | {run.images:,} | {run.embedded:,} | {run.reused:,} | {run.seconds:.1f} "
        f"| {run.model_seconds:.1f} |"
        for run in runs
    ]
    is_same = runs[-1].rows == runs[-2].rows
    same = "the same rows, bit for bit, as" if is_same else "OTHER ROWS than"
    return "\n".join(
        [
            "# Images that come again",
            "",
            f"    {command}",
            "",
            f"{where}. The stage embed ran several times on one lake. `seconds` are of the stage, "
            "its Spark session included, and `network` are the seconds of the network alone.",
            "",
            "| run | images | embedded | reused | seconds | network |",
            "| --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            f"The last run embedded everything again. It wrote {same} the run before it.",
            "",
        ]
    )
