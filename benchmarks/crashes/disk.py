"""A full disk: a small file system that holds the lake alone, and is filled up."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.crashes.jobs import started, stragglers
from benchmarks.crashes.trials import Trial, Undisturbed, last, repeat, seen_by_readers

_SIZE = 64 << 20  # bytes, many times what the lake needs
_FILLER = ".filler"


def filled(stage: Undisturbed, room: int, space: Path) -> Trial | None:
    """Run a stage with `room` bytes left on the disk, make room, and run it again.

    Gives None when the room was enough.
    """
    job = stage.job
    shutil.rmtree(job.root, ignore_errors=True)
    with _disk(job.root):
        shutil.copytree(stage.kept, job.root, dirs_exist_ok=True)
        filler = job.root / _FILLER
        _fill(filler, room)
        with started(job, space) as running:
            status, left, said = running.ended(), stragglers(running), last(running.said())
        filler.unlink()
        if not status:
            return None
        seen = seen_by_readers(stage)
        again = repeat(stage, space)
    moment = f"room for {room >> 10} KiB"
    return Trial(stage.turn, job.name, "full disk", moment, status, seen, left, said=said, **again)


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, capture_output=True)


def may_mount(out: Path) -> bool:
    """Tell whether this process may make file systems: root may, outside most containers."""
    try:
        with _disk(out / "probe"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        shutil.rmtree(out / "probe", ignore_errors=True)


def _fill(filler: Path, room: int) -> None:
    block = bytes(4096)
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(block) == len(block):
                pass
        except OSError:
            pass
        file.truncate(max(0, filler.stat().st_size - room))
