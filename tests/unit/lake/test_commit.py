"""A commit killed at any moment is whole, or has not begun, once the next writer has looked."""

from pathlib import Path

import pytest

from imgdedup.lake import commit
from imgdedup.lake.commit import Move
from imgdedup.lake.files import LocalFiles

OLD, NEW = {"old.parquet": "old", "both": "1"}, {"new.parquet": "new", "both": "2"}
MORE = {"more.parquet": "more"}


class Killed(BaseException):
    """Nothing catches it, as nothing outlives kill -9."""


class Dying(LocalFiles):
    """Files that die before operation number `last`; without `renames`, as on object stores."""

    def __init__(self, last: int, renames: bool) -> None:
        self.left = last
        self.renames = renames

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def write(self, path: str, text: str) -> None:
        self._count()
        super().write(path, text)

    def move(self, source: str, target: str) -> None:
        self._count()
        super().move(source, target)

    def delete(self, path: str) -> None:
        self._count()
        super().delete(path)


def put(folder: Path, files: dict[str, str]) -> str:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return str(folder)


def held(folder: Path) -> dict[str, str] | None:
    if not folder.exists():
        return None
    return {file.name: file.read_text() for file in folder.iterdir()}


def prepared(root: Path) -> list[Move]:
    """Moves that replace a partition, add one, remove one, replace a file, and add a file."""

    def aside(name: str) -> str:
        return str(root / "aside" / name)

    put(root / "table/a", OLD)
    put(root / "table/gone", OLD)
    put(root / "table/history", OLD)
    (root / "state").write_text("old")
    put(root / "staged", MORE)
    (root / "staged/state").write_text("new")
    return [
        Move(str(root / "table" / name), aside(name), put(root / "staged" / name, NEW), [*NEW])
        for name in ("a", "b")
    ] + [
        Move(str(root / "table/gone"), aside("gone")),
        Move(str(root / "state"), aside("state"), str(root / "staged/state")),
        *(
            Move(str(root / "table/history" / name), aside(name), str(root / "staged" / name))
            for name in MORE
        ),
    ]


def state(root: Path) -> list[object]:
    tables = [held(root / "table" / name) for name in ("a", "b", "gone", "history")]
    return [*tables, (root / "state").read_text()]


BEFORE = [OLD, None, OLD, OLD, "old"]
AFTER = [NEW, NEW, None, OLD | MORE, "new"]


@pytest.mark.parametrize("renames", [True, False])
def test_a_commit_makes_every_move(tmp_path: Path, renames: bool) -> None:
    moves = prepared(tmp_path)
    assert state(tmp_path) == BEFORE
    commit.publish(Dying(1000, renames), str(tmp_path / "journal"), moves)
    assert state(tmp_path) == AFTER
    assert not (tmp_path / "journal").exists()
    assert not commit.finish(LocalFiles(), str(tmp_path / "journal"))


@pytest.mark.parametrize("renames", [True, False])
def test_a_commit_killed_before_any_operation_is_finished_or_not_begun(
    tmp_path: Path, renames: bool
) -> None:
    ends = []
    for last in range(100):
        root = tmp_path / f"{last}"
        moves, journal = prepared(root), str(root / "journal")
        try:
            commit.publish(Dying(last, renames), journal, moves)
        except Killed:
            begun = commit.finish(Dying(1000, renames), journal)
            assert state(root) == (AFTER if begun else BEFORE)
            ends.append(begun)
        else:
            break
    assert ends == [False] + [True] * (len(ends) - 1)
    assert len(ends) > 10


@pytest.mark.parametrize("renames", [True, False])
def test_a_commit_killed_while_it_is_finished_is_finished_later(
    tmp_path: Path, renames: bool
) -> None:
    for last in range(1, 12):
        root = tmp_path / f"{last}"
        moves, journal = prepared(root), str(root / "journal")
        with pytest.raises(Killed):
            commit.publish(Dying(last, renames), journal, moves)
        for again in range(12):
            try:
                commit.finish(Dying(again, renames), journal)
            except Killed:
                continue
            break
        assert state(root) == AFTER


def test_a_journal_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "journal"
    LocalFiles().write(str(path), "first")
    path.with_name("journal.tmp").write_text("half a jour")  # killed while writing the next
    assert LocalFiles().read(str(path)) == "first"
