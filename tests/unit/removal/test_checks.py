"""What is moved is what was judged: checks before each move, and what a plan refuses."""

import errno
import fcntl
import json
import os
import shutil
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.removal.lake import DAY, Seen, read_folder, write_tables
from imgdedup.errors import TryAgain, UserError
from imgdedup.relations import reviews
from imgdedup.removal import __main__, commands, local_files
from tests.unit.removal.planning import ALL, planned

NEXT = "2026-01-02"
NOW = timedelta(0)


def reasons(moved: commands.Moved) -> dict[str, str]:
    return {uri.rpartition("/")[2]: why for uri, why in moved.left.items()}


def test_a_changed_file_stays(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    (data / "b.jpg").write_bytes(b"1/other")
    moved = commands.apply(root, plan_id)
    assert reasons(moved) == {"b.jpg": "its file holds other bytes than were judged"}
    assert (data / "b.jpg").read_bytes() == b"1/other"
    assert not (data / "sub/c.jpg").exists()


def test_a_changed_file_can_be_mended_although_nothing_else_has_moved(
    root: str, data: Path
) -> None:
    shutil.rmtree(data / "sub")
    plan_id = planned(root, data)
    (data / "b.jpg").write_bytes(b"1/other")
    for _ in range(2):
        moved = commands.apply(root, plan_id)
        assert reasons(moved) == {"b.jpg": "its file holds other bytes than were judged"}
    assert commands.undo(root, plan_id).left == {}
    (data / "b.jpg").write_bytes(b"1/same")
    assert commands.apply(root, plan_id).images == 1


def test_a_run_that_ended_before_its_groups_stops_plans_and_moves(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    queue = Path(root, ".imgdedup/waiting/group")
    queue.mkdir(parents=True)
    (queue / "part-0.parquet").write_text("touched contents")
    for command in (lambda: commands.plan(root, ALL), lambda: commands.apply(root, plan_id)):
        with pytest.raises(UserError, match="ended before its groups were formed"):
            command()
    shutil.rmtree(queue)
    assert commands.apply(root, plan_id).images == 2


@pytest.mark.parametrize("fault", ["gone", "other bytes", "a folder", "a link to a copy"])
def test_nothing_moves_without_its_keeper(root: str, data: Path, fault: str) -> None:
    plan_id = planned(root, data)
    keeper = data / "a.jpg"
    keeper.unlink()
    if fault == "other bytes":
        keeper.write_bytes(b"1/othe")
    elif fault == "a link to a copy":
        keeper.symlink_to(data / "b.jpg")
    elif fault == "a folder":
        keeper.mkdir()
    moved = commands.apply(root, plan_id)
    assert moved.images == 0
    assert len(moved.left) == 2
    assert (data / "b.jpg").exists()
    assert (data / "sub/c.jpg").exists()
    if fault == "gone":
        why = f"its keeper {keeper.as_uri()} cannot be read: it is not there any more"
        assert set(moved.left.values()) == {why}
    assert all(f"its keeper {keeper.as_uri()} " in why for why in moved.left.values())


def test_a_file_that_became_a_name_of_its_keeper_stays(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    (data / "b.jpg").unlink()
    os.link(data / "a.jpg", data / "b.jpg")
    moved = commands.apply(root, plan_id)
    assert reasons(moved) == {"b.jpg": "its file is by now that of its keeper"}


def test_a_file_changed_while_it_is_moved_goes_back(
    root: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = planned(root, data)
    rename = local_files.rename_new

    def change_first(source: str, target: str) -> None:
        if source.endswith("b.jpg") and "quarantine" not in source:
            Path(source).write_bytes(b"9/late")
        rename(source, target)

    monkeypatch.setattr(local_files, "rename_new", change_first)
    moved = commands.apply(root, plan_id)
    assert reasons(moved) == {"b.jpg": "its file was changed while it was moved"}
    assert (data / "b.jpg").read_bytes() == b"9/late"


def test_undo_never_writes_over_a_file(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    commands.apply(root, plan_id)
    (data / "b.jpg").write_bytes(b"9/new")
    (data / "sub").rename(data / "moved")
    back = commands.undo(root, plan_id)
    assert (data / "b.jpg").read_bytes() == b"9/new"
    assert (data / "sub/c.jpg").read_bytes() == b"1/same"
    assert list(reasons(back)) == ["b.jpg"]
    assert "another file is at its place" in reasons(back)["b.jpg"]
    (data / "b.jpg").unlink()
    assert commands.undo(root, plan_id).images == 1
    assert (data / "b.jpg").read_bytes() == b"1/same"


def test_purge_needs_age_and_keepers(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    commands.apply(root, plan_id)
    with pytest.raises(UserError, match="was applied on"):
        commands.purge(root, plan_id, timedelta(days=30))
    box = data / ".imgdedup-quarantine" / plan_id
    shutil.copy(data / "a.jpg", data / "safe")
    (data / "a.jpg").unlink()
    assert len(commands.purge(root, plan_id, NOW).left) == 2
    assert (box / "b.jpg").exists()
    (data / "safe").rename(data / "a.jpg")
    (box / "sub/c.jpg").write_bytes(b"edited")
    assert commands.purge(root, plan_id, NOW).images == 1
    assert (box / "sub/c.jpg").read_bytes() == b"edited"


def test_a_plan_older_than_the_tables_is_refused(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    (data / "new.jpg").write_bytes(b"2/x")
    write_tables(root, {DAY: read_folder(data)})
    with pytest.raises(UserError, match="older than the tables"):
        commands.apply(root, plan_id)
    with pytest.raises(UserError, match="there is no plan"):
        commands.apply(root, "../../etc")


def test_links_move_as_links_and_hard_links_together(root: str, data: Path) -> None:
    os.link(data / "b.jpg", data / "hard.jpg")
    (data / "link.jpg").symlink_to("b.jpg")
    plan_id = planned(root, data)
    assert commands.apply(root, plan_id).images == 4
    box = data / ".imgdedup-quarantine" / plan_id
    assert os.readlink(box / "link.jpg") == "b.jpg"
    assert sorted(os.listdir(data)) == [".imgdedup-quarantine", "a.jpg", "sub"]
    commands.undo(root, plan_id)
    assert (data / "link.jpg").read_bytes() == b"1/same"
    assert (data / "hard.jpg").samefile(data / "b.jpg")


def test_a_full_disk_and_missing_rights_are_said(
    root: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = planned(root, data)
    for number, kind, words in (
        (errno.ENOSPC, TryAgain, "the disk is full"),
        (errno.EACCES, UserError, "there is no right"),
        (errno.EROFS, UserError, "read-only"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(local_files, "_renamed", lambda *_, number=number: number)
            with pytest.raises(kind, match=words):
                commands.apply(root, plan_id)
        assert (data / "b.jpg").exists()
        assert (data / "sub/c.jpg").exists()
    assert commands.apply(root, plan_id).images == 2


def test_commands_wait_for_nobody(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    for name in ("writer.lock", "locks/embed-2026-01-01.lock"):
        path = Path(root, ".imgdedup", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+") as file:
            file.write("group, process 1")
            file.flush()
            fcntl.flock(file, fcntl.LOCK_EX)
            with pytest.raises(TryAgain, match="a run or another command works on"):
                commands.apply(root, plan_id)
    Path(root, ".imgdedup/journal.json").write_text("[]")
    with pytest.raises(TryAgain, match="was killed while it published"):
        commands.apply(root, plan_id)


def test_the_quarantine_is_for_the_owner_and_never_a_link(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    elsewhere = data.parent / "elsewhere"
    elsewhere.mkdir()
    (data / ".imgdedup-quarantine").symlink_to(elsewhere)
    assert len(commands.apply(root, plan_id).left) == 2
    (data / ".imgdedup-quarantine").unlink()
    commands.apply(root, plan_id)
    box = data / ".imgdedup-quarantine"
    assert stat.S_IMODE(box.stat().st_mode) == 0o700
    assert list(elsewhere.rglob("*.jpg")) == []


def test_names_of_any_bytes_are_moved_and_put_back(root: str, data: Path) -> None:
    strange = [os.fsdecode(b"z\xff#%20?.jpg"), "z b\nc.jpg", "ümlaut.jpg", "x.tar#y.jpg"]
    for name in strange:
        (data / name).write_bytes(b"1/same")
    before = sorted(os.listdir(data))
    seen = [
        Seen(
            os.fsencode(image.image_id).decode("utf-8", "backslashreplace"),
            *(image.uri, image.data, image.file_key),
        )
        for image in read_folder(data)
    ]
    write_tables(root, {DAY: seen})
    plan_id = commands.plan(root, ALL).id
    moved = commands.apply(root, plan_id)
    assert (moved.images, dict(moved.left)) == (6, {})
    assert sorted(os.listdir(data)) == [".imgdedup-quarantine", "a.jpg", "sub"]
    assert dict(commands.undo(root, plan_id).left) == {}
    assert sorted(os.listdir(data)) == before


def test_exit_statuses(root: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tables(root, {DAY: read_folder(data)})
    plan = ["plan", "--root", root, "--across", "--most-share", "1"]
    assert __main__.main(plan) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "can go" in line]
    plan_id = line.split()[2].rstrip(":")
    assert __main__.main(["apply", "--root", root, "--plan", plan_id]) == 0
    (data / "b.jpg").write_bytes(b"other")
    assert __main__.main(["undo", "--root", root, "--plan", plan_id]) == 2
    assert __main__.main(["purge", "--root", root, "--plan", plan_id, "--older-than", "30d"]) == 2
    assert __main__.main(["purge", "--root", root, "--plan", plan_id, "--older-than", "x"]) == 2
    assert __main__.main([*plan, "--most-images", "0"]) == 2
    assert __main__.main([*plan, "--most-images", "1e3"]) == 2
    assert "MOST_IMAGES (--most-images) is no whole number: 1e3" in capsys.readouterr().out
    assert __main__.main(["purge", "--root", root, "--plan", plan_id, "--older-than", "0d"]) == 0
    with Path(root, ".imgdedup/lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert __main__.main(plan) == 1


def test_what_came_back_after_a_purge_can_go_again(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    commands.apply(root, plan_id)
    commands.purge(root, plan_id, NOW)
    assert commands.apply(root, plan_id).images == 0
    assert len(commands.undo(root, plan_id).left) == 2
    (data / "b.jpg").write_bytes(b"1/same")
    assert commands.apply(root, plan_id).images == 1


def test_a_mistyped_root_gets_no_folder(root: str) -> None:
    with pytest.raises(UserError, match="there are no tables"):
        commands.plan(root, ALL)
    assert not Path(root).exists()


def test_reviews_that_no_run_has_honoured_stop_plans_and_moves(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    one, other = "a" * 64, "b" * 64
    moment = datetime(2026, 1, 3, tzinfo=UTC)
    said = {"left_content": one, "right_content": other, "verdict": "different"}
    Path(root, "reviews").mkdir()
    file = Path(root, "reviews", "a.parquet")
    pq.write_table(pa.Table.from_pylist([{**said, "reviewed_at": moment}]), file)
    for command in (lambda: commands.plan(root, ALL), lambda: commands.apply(root, plan_id)):
        with pytest.raises(UserError, match="people have reviewed pairs since the last run"):
            command()
    settled = {"digest": reviews.digest([(one, other, "different")]), "figures": {}}
    Path(root, ".imgdedup", reviews.RECORD).write_text(json.dumps(settled))
    assert commands.plan(root, ALL).id == plan_id
    assert commands.apply(root, plan_id).images == 2
    file.unlink()  # withdrawn
    with pytest.raises(UserError, match="people have reviewed pairs since the last run"):
        commands.plan(root, ALL)
    assert commands.undo(root, plan_id).images == 2
