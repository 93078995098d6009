"""A folder that is away for a moment, such as on a disk that is not mounted: nothing is forgotten.

That a file is at neither place proves nothing, so the journal keeps what it knew.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from benchmarks.removal.kills import Killed, killed
from benchmarks.removal.lake import DAY, read_folder, write_tables
from imgdedup.errors import UserError
from imgdedup.removal import commands, plans, roots
from imgdedup.removal.journal import Journal
from imgdedup.removal.limits import Limits

ALL = Limits(most_share=1.0, across=True)
NOW = timedelta(0)
NAMES = ("a.jpg", "b.jpg", "sub/c.jpg")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return lake(tmp_path)


@pytest.fixture
def root(data: Path) -> str:
    return str(data.parent / "out")


def lake(folder: Path) -> Path:
    data = folder / "data"
    (data / "sub").mkdir(parents=True)
    for name in NAMES:
        (data / name).write_bytes(b"1/same")
    write_tables(str(folder / "out"), {DAY: read_folder(data)})
    return data


def applied(root: str) -> str:
    plan_id = commands.plan(root, ALL).id
    commands.apply(root, plan_id)
    return plan_id


def images(data: Path) -> list[str]:
    return sorted(str(path.relative_to(data)) for path in data.rglob("*.jpg"))


def known(root: str, plan_id: str) -> list[str]:
    place = roots.root_of(root)
    files = Journal(place, plans.folder_of(place, plan_id)).files.values()
    return [file.in_flight or file.where for file in files]


def calls(root: str, plan_id: str) -> dict[str, Callable[[], object]]:
    return {
        "apply": partial(commands.apply, root, plan_id),
        "undo": partial(commands.undo, root, plan_id),
        "purge": partial(commands.purge, root, plan_id, NOW),
    }


@pytest.mark.parametrize("command", ["undo", "purge"])
@pytest.mark.parametrize("mount_point_stays", [False, True])
def test_a_folder_that_is_away_is_not_forgotten(
    root: str, data: Path, command: str, mount_point_stays: bool
) -> None:
    plan_id = applied(root)
    data.rename(data.parent / "away")
    if mount_point_stays:
        data.mkdir()
    why = "neither in the quarantine nor" if mount_point_stays else "its folder cannot be reached"
    with pytest.raises(UserError, match=f"2 images cannot be moved.*{why}"):
        calls(root, plan_id)[command]()
    assert known(root, plan_id) == ["quarantine", "quarantine"]
    assert data.exists() == mount_point_stays
    assert images(data) == []
    if mount_point_stays:
        data.rmdir()
    (data.parent / "away").rename(data)
    assert commands.undo(root, plan_id).images == 2
    assert images(data) == sorted(NAMES)


@pytest.mark.parametrize("command", ["apply", "undo", "purge"])
def test_what_a_killed_command_left_in_flight_waits_for_its_folder(
    tmp_path: Path, command: str
) -> None:
    for before in range(0, 300, 2):
        data = lake(tmp_path / str(before))
        root, away = str(data.parent / "out"), data.parent / "away"
        plan_id = commands.plan(root, ALL).id if command == "apply" else applied(root)
        run = calls(root, plan_id)
        try:
            with killed(data.parent, before):
                run[command]()
        except Killed:
            pass
        else:
            break
        files, last = images(data), known(root, plan_id)
        data.rename(away)
        for name in ("undo", "purge"):
            with contextlib.suppress(UserError):
                run[name]()
        after = known(root, plan_id)
        assert after == last
        away.rename(data)
        assert images(data) == files
        run["undo"]()
        assert len([name for name in images(data) if "quarantine" not in name]) == len(files)
        assert "quarantine" not in known(root, plan_id)
    assert 10 < before < 300


def test_a_quarantine_deleted_by_hand_is_not_called_purged(root: str, data: Path) -> None:
    plan_id = applied(root)
    shutil.rmtree(data / ".imgdedup-quarantine")
    for name in ("undo", "purge"):
        with pytest.raises(UserError, match="neither in the quarantine nor at its place"):
            calls(root, plan_id)[name]()
    assert known(root, plan_id) == ["quarantine", "quarantine"]


def test_files_moved_back_by_hand_are_at_their_places(root: str, data: Path) -> None:
    plan_id = applied(root)
    box = data / ".imgdedup-quarantine" / plan_id
    os.rename(box / "b.jpg", data / "b.jpg")
    assert commands.undo(root, plan_id).images == 1
    assert images(data) == sorted(NAMES)
    assert known(root, plan_id) == ["data", "data"]


def test_another_file_at_the_place_does_not_stand_in_for_one_that_is_away(
    root: str, data: Path
) -> None:
    plan_id = applied(root)
    data.rename(data.parent / "away")
    data.mkdir()
    (data / "b.jpg").write_bytes(b"another")
    with pytest.raises(UserError, match="2 images cannot be moved"):
        commands.undo(root, plan_id)
    assert known(root, plan_id) == ["quarantine", "quarantine"]
    (data / "b.jpg").unlink()
    data.rmdir()
    (data.parent / "away").rename(data)
    assert commands.undo(root, plan_id).images == 2


def test_a_file_in_the_place_of_a_folder_keeps_one_file_and_no_other(root: str, data: Path) -> None:
    plan_id = applied(root)
    (data / "sub").rmdir()
    (data / "sub").write_bytes(b"a file")
    for images_back in (1, 0):
        back = commands.undo(root, plan_id)
        assert back.images == images_back
        ((uri, why),) = back.left.items()
        assert uri.endswith("sub/c.jpg")
        assert why.startswith("another file is at its place")
        assert sorted(known(root, plan_id)) == ["data", "quarantine"]
    (data / "sub").unlink()
    assert commands.undo(root, plan_id).images == 1
    assert images(data) == sorted(NAMES)


def test_apply_names_what_is_back_at_its_place(root: str, data: Path) -> None:
    plan_id = applied(root)
    box = data / ".imgdedup-quarantine" / plan_id
    shutil.copy(box / "b.jpg", data / "b.jpg")
    os.rename(box / "sub/c.jpg", data / "sub/c.jpg")
    moved = commands.apply(root, plan_id)
    assert moved.images == 1
    assert list(moved.left.values()) == [
        "it is back at its place, and in the quarantine",
        "it is back at its place",
    ]
    assert (data / "b.jpg").exists()


def test_apply_tells_that_the_quarantine_is_away(root: str, data: Path) -> None:
    plan_id = applied(root)
    data.rename(data.parent / "away")
    with pytest.raises(UserError, match=r"2 images cannot be moved.*its folder cannot be reached"):
        commands.apply(root, plan_id)


def test_a_file_in_the_place_of_the_private_folder_is_told(root: str, data: Path) -> None:
    plan_id = applied(root)
    shutil.rmtree(Path(root, ".imgdedup"))
    Path(root, ".imgdedup").write_text("")
    for command in calls(root, plan_id).values():
        with pytest.raises(UserError, match="a file stands in the place of a folder"):
            command()


def test_a_file_in_the_place_of_the_quarantine_is_named(root: str, data: Path) -> None:
    plan_id = commands.plan(root, ALL).id
    (data / ".imgdedup-quarantine").write_text("")
    left = commands.apply(root, plan_id).left
    assert len(left) == 2
    assert all(why.startswith("its quarantine is no folder") for why in left.values())


def test_a_folder_that_became_a_link_to_the_quarantine_loses_nothing(tmp_path: Path) -> None:
    for before in range(0, 300, 2):
        data = lake(tmp_path / str(before))
        root = str(data.parent / "out")
        plan_id = commands.plan(root, ALL).id
        was_killed = False
        try:
            with killed(data.parent, before):
                commands.apply(root, plan_id)
        except Killed:
            was_killed = True
        held = data / ".imgdedup-quarantine" / plan_id / "sub/c.jpg"
        if not os.listdir(data / "sub"):
            (data / "sub").rmdir()
            (data / "sub").symlink_to(held.parent)
        for name in ("undo", "apply", "undo"):
            with contextlib.suppress(UserError):
                calls(root, plan_id)[name]()
        assert (data / "sub/c.jpg").read_bytes() == b"1/same"
        if not was_killed:
            break
    assert 10 < before < 300
    assert held.exists()
    (data / "sub").unlink()
    assert commands.undo(root, plan_id).images == 1
    assert images(data) == sorted(NAMES)
