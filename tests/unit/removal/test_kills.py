"""A command that is killed before any step on the file system is finished by the next command."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from benchmarks.removal.kills import Killed, killed
from benchmarks.removal.lake import DAY, read_folder, write_tables
from imgdedup.errors import TryAgain
from imgdedup.removal import commands, local_files, plans, roots
from imgdedup.removal.journal import Journal
from imgdedup.removal.limits import Limits

ALL = Limits(most_share=1.0, across=True)
NOW = timedelta(0)


@pytest.fixture(params=["one step", "two steps"])
def renames(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renames that never overwrite, in one step, and where a file system cannot do that."""
    if request.param == "two steps":
        monkeypatch.setattr(local_files, "_renamed", lambda *_: errno.EINVAL)


def lake(folder: Path) -> tuple[Path, str]:
    """A keeper, a copy of it, and a link to a second copy."""
    data, root = folder / "data", str(folder / "out")
    (data / "sub").mkdir(parents=True)
    (data / "a.jpg").write_bytes(b"1/same")
    (data / "sub/b.jpg").write_bytes(b"1/same")
    (data / "c.jpg").write_bytes(b"1/s")
    (data / "link.jpg").symlink_to("c.jpg")
    write_tables(root, {DAY: read_folder(data)})
    return data, root


def contents(data: Path) -> dict[str, object]:
    return {
        str(path.relative_to(data)): os.readlink(path) if path.is_symlink() else path.read_bytes()
        for path in data.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def in_quarantine(root: str, plan_id: str) -> set[str]:
    """The paths of what the journal has in the quarantine, or in flight."""
    place = roots.root_of(root)
    files = Journal(place, plans.folder_of(place, plan_id)).files.values()
    return {
        local_files.path_of(known.quarantine)
        for known in files
        if known.where == "quarantine" or known.in_flight
    }


@pytest.mark.usefixtures("renames")
@pytest.mark.parametrize("command", ["apply", "undo", "purge"])
def test_nothing_is_lost_at_any_step(tmp_path: Path, command: str) -> None:
    for before in range(300):
        data, root = lake(tmp_path / str(before))
        files = contents(data)
        plan_id = commands.plan(root, ALL).id
        run: dict[str, Callable[[], object]] = {
            "apply": partial(commands.apply, root, plan_id),
            "undo": partial(commands.undo, root, plan_id),
            "purge": partial(commands.purge, root, plan_id, NOW),
        }
        if command != "apply":
            run["apply"]()
        try:
            with killed(tmp_path / str(before), before):
                run[command]()
        except Killed:
            require_nothing_lost(data, files, root, plan_id, may_be_gone=command == "purge")
            run[command]()
        else:
            break
        box = {name for name in contents(data) if ".imgdedup-quarantine" in name}
        assert len(box) == (3 if command == "apply" else 0)
        if command != "purge":
            run["undo"]()
            assert contents(data) == files
    assert 20 < before < 300


def require_nothing_lost(
    data: Path, files: dict[str, object], root: str, plan_id: str, *, may_be_gone: bool
) -> None:
    """Each file is at its place, or in the quarantine as the journal has it, or in both."""
    found = contents(data)
    box = f".imgdedup-quarantine/{plan_id}/"
    assert found["a.jpg"] == b"1/same"
    for name, content in files.items():
        copies = [found[place] for place in (name, f"{box}{name}") if place in found]
        assert copies or may_be_gone
        assert set(copies) <= {content}
    moved = {str(data / name) for name in found if name.startswith(box)}
    assert moved <= in_quarantine(root, plan_id)


def test_a_torn_line_of_the_journal_is_cut_off(tmp_path: Path) -> None:
    _, root = lake(tmp_path)
    plan_id = commands.plan(root, ALL).id
    journal = Path(root, "plan", f"plan={plan_id}", "_journal.jsonl")
    commands.apply(root, plan_id)
    with journal.open("a") as file:
        file.write('{"at": "2026')
    assert commands.undo(root, plan_id).images == 3
    assert journal.read_text().count("\n") == len(journal.read_text().splitlines())
    assert "2026\n" not in journal.read_text()


def test_a_process_killed_by_the_system_is_finished_by_the_next(tmp_path: Path) -> None:
    data, root = tmp_path / "data", str(tmp_path / "out")
    data.mkdir()
    for number in range(400):
        (data / f"{number:03d}.jpg").write_bytes(b"1/same")
    write_tables(root, {DAY: read_folder(data)})
    plan_id = commands.plan(root, ALL).id
    command = [sys.executable, "-m", "imgdedup.removal", "apply", "--root", root, "--plan", plan_id]
    box = data / ".imgdedup-quarantine" / plan_id
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not (box.exists() and any(box.iterdir())):
            time.sleep(0.001)
        process.kill()
    assert process.returncode == -9
    moved = len(list(box.iterdir()))
    assert 0 < moved < 399
    assert len(list(data.glob("*.jpg"))) + moved == 400
    assert commands.apply(root, plan_id).images == 399
    assert commands.undo(root, plan_id).images == 399
    assert len(list(data.iterdir())) == 400


def test_a_journal_that_cannot_be_written_stops_before_anything_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, root = lake(tmp_path)
    files, plan_id = contents(data), commands.plan(root, ALL).id

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(TryAgain, match="the disk is full"):
            commands.apply(root, plan_id)
    assert contents(data) == files
    assert commands.apply(root, plan_id).images == 3
