"""`make bench-crashes`: checks the tables after processes were killed and disks were full.

python -m benchmarks.crashes --out FOLDER [--points N] [--seed N] [--name NAME]
"""

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.commands import keep
from benchmarks.crashes.disk import filled, may_mount
from benchmarks.crashes.history import undisturbed_stages
from benchmarks.crashes.plan import points
from benchmarks.crashes.trials import Trial, killed
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.local import processes

_ROOM = (0, 64 << 10)  # bytes left on a disk
_MARK = ".bench-crashes"


def main() -> int:
    """Read the arguments, hurt the stages, print the table; 1 when anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crashes", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/bench-crashes"), help="a folder")
    parser.add_argument("--points", type=int, default=80, help="kill points, at most")
    parser.add_argument("--seed", type=int, default=0, help="draws the points and their moments")
    parser.add_argument("--name", help="keep the table in benchmarks/results, by this name")
    arguments = parser.parse_args()
    out, since = arguments.out.resolve(), time.monotonic()
    try:
        with processes.stoppable():  # ends its jobs and unmounts its disks
            claim(out)
            trials, missed = hurt(out, arguments.points, arguments.seed)
    except UserError as error:
        say(f"error: bench-crashes: {error}")
        return 2
    except processes.Stopped as stop:
        return stop.status
    command = f"make bench-crashes POINTS={arguments.points} SEED={arguments.seed}"
    text = page(trials, missed, command, time.monotonic() - since)
    keep(arguments.name, text)
    print("\n" + text)
    return int(not all(trial.sound for trial in trials))


def claim(out: Path) -> None:
    """Empty `out` for this benchmark; UserError when it holds anything else."""
    if out.exists() and any(out.iterdir()) and not (out / _MARK).exists():
        raise UserError(f"{out} holds something else: choose another folder, or move it away")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    (out / _MARK).touch()


def hurt(out: Path, most: int, seed: int) -> tuple[list[Trial], int]:
    """Hurt the stages of a history; return the trials, and how many kills came too late."""
    stages = undisturbed_stages(out)
    trials, missed = [], 0
    for point in points(stages, most, seed):
        trial = killed(point.stage, point.process, point.moment(), out / "space")
        if trial is None:
            missed += 1
        else:
            trials.append(_report(trial))
    if may_mount(out):
        full = (filled(stage, room, out / "space") for stage in stages for room in _ROOM)
        trials += [_report(trial) for trial in full if trial is not None]
    return trials, missed


def page(trials: Sequence[Trial], missed: int, command: str, seconds: float) -> str:
    """The page: what was hurt, at which moment, and with what result."""
    lost = sum(not trial.sound for trial in trials)
    kills = sum(trial.hurt != "full disk" for trial in trials)
    rows = [
        f"| {trial.stage}, {trial.turn} | {trial.hurt} | {trial.moment} | {trial.status} | "
        f"{trial.seen} | {trial.again} | {_result(trial)} |"
        for trial in trials
    ]
    words = sorted({trial.said for trial in trials if trial.hurt == "full disk"})
    return "\n".join(
        [
            "# Processes killed, disks full",
            "",
            f"    {command}",
            "",
            f"{datetime.now(UTC):%Y-%m-%d}. {kills} kills (-9) and {len(trials) - kills} full "
            f"disks in {seconds / 60:.0f} minutes; {missed} further kills came after the end of "
            "their job and do not count. After each, the same command was given again at once. "
            "Then the tables and the keys in Milvus were compared with those of the undisturbed "
            f"stage or job. Something was lost in {lost}.",
            "",
            "| stage, run | hurt | when | status | partitions as readers saw them | again | then |",
            "| --- | --- | --- | --- | --- | --- | --- |",
            *rows,
            "",
            "What jobs said about a full disk:",
            "",
            *(f"- {line}" for line in words),
            "",
        ]
    )


def _report(trial: Trial) -> Trial:
    say(
        f"crashes: {trial.stage} of {trial.turn}: {trial.hurt} {trial.moment}: status "
        f"{trial.status}, {trial.seen}; again {trial.again}, {_result(trial)}"
    )
    return trial


def _result(trial: Trial) -> str:
    told = [*([trial.said_again] if trial.again else []), *trial.differences]
    return "; ".join(told) or "equal"


if __name__ == "__main__":
    sys.exit(main())
