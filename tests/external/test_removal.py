"""Removal on an object store: an S3 server that the tests start."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from pyarrow import fs

from benchmarks.removal.lake import DAY, read_bucket, write_tables
from imgdedup.errors import TryAgain
from imgdedup.lake.lock import Pace, exclusive
from imgdedup.removal import commands, objects, plans, roots
from imgdedup.removal.journal import Journal
from imgdedup.removal.limits import Limits
from imgdedup.sources import object_store
from tests.external.servers.s3 import Store

ALL = Limits(most_share=1.0, across=True)
NAMES = ["a.jpg", "deep/b 100%25 #1 ümlaut+.jpg"]
NOW = timedelta(0)
QUICK = Pace(0.05, 30.0, 0.2, 0.0)


class Killed(BaseException):
    """Nothing catches it, as nothing outlives kill -9."""


class Steps:
    """Kills before step number `left`; a killed process does nothing more."""

    left: int | None = None

    def counted(self, function: Callable[..., object]) -> Callable[..., object]:
        """The function as a step."""

        def step(*arguments: object) -> object:
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise Killed
            return function(*arguments)

        return step


@pytest.fixture
def bucket(store: Store) -> Iterator[str]:
    """A fresh prefix of a bucket, without its scheme."""
    store.make_bucket("bucket")
    prefix = f"bucket/{uuid4().hex[:8]}"
    yield prefix
    object_store(f"s3://{prefix}")[0].delete_dir(prefix)


@pytest.fixture
def system(bucket: str) -> fs.FileSystem:
    return object_store(f"s3://{bucket}")[0]


@pytest.fixture
def root(bucket: str, system: fs.FileSystem) -> str:
    for name in NAMES:
        put(system, f"{bucket}/data/{name}", b"1/same")
    write_tables(f"{bucket}/out", {DAY: read_bucket(system, f"{bucket}/data")}, system)
    return f"s3://{bucket}/out"


def put(system: fs.FileSystem, key: str, data: bytes) -> None:
    with system.open_output_stream(key) as stream:
        stream.write(data)


def held(system: fs.FileSystem, prefix: str) -> dict[str, bytes]:
    found = {}
    for info in system.get_file_info(fs.FileSelector(prefix, recursive=True)):
        if info.type == fs.FileType.File:
            with system.open_input_stream(info.path) as stream:
                found[info.path.removeprefix(f"{prefix}/")] = stream.read()
    return found


def journal(root: str, plan_id: str) -> set[str]:
    """The names of the files that the journal has in the quarantine, or in flight."""
    place = roots.root_of(root)
    files = Journal(place, plans.folder_of(place, plan_id)).files
    base = f"{root.removesuffix('/out')}/data/"
    return {
        uri.removeprefix(base)
        for uri, known in files.items()
        if known.where == "quarantine" or known.in_flight
    }


def test_objects_are_moved_put_back_and_deleted(
    root: str, bucket: str, system: fs.FileSystem
) -> None:
    made = commands.plan(root, ALL)
    before = held(system, f"{bucket}/data")
    assert made.images == 1
    assert commands.apply(root, made.id).left == {}
    box = f".imgdedup-quarantine/{made.id}"
    moved = {NAMES[0]: b"1/same"} | {f"{box}/{name}": b"1/same" for name in NAMES[1:]}
    assert held(system, f"{bucket}/data") == moved
    assert commands.undo(root, made.id).left == {}
    assert held(system, f"{bucket}/data") == before
    commands.apply(root, made.id)
    assert commands.purge(root, made.id, NOW).left == {}
    assert held(system, f"{bucket}/data") == {NAMES[0]: b"1/same"}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Counts what the commands ask of the store."""
    steps = Steps()
    for name in ("digest_of", "identity", "exists", "copy", "delete"):
        monkeypatch.setattr(objects, name, steps.counted(getattr(objects, name)))
    for name in ("names", "read", "write", "create", "delete"):
        method = getattr(roots.StoreTexts, name)
        monkeypatch.setattr(roots.StoreTexts, name, steps.counted(method))
    monkeypatch.setattr(roots, "exclusive", partial(exclusive, pace=QUICK))
    return steps


@pytest.mark.parametrize("command", ["apply", "undo", "purge"])
def test_a_command_killed_at_any_step_is_finished_by_the_next(
    command: str, root: str, bucket: str, system: fs.FileSystem, steps: Steps
) -> None:
    plan_id = commands.plan(root, ALL).id
    data, before = f"{bucket}/data", held(system, f"{bucket}/data")
    run = {
        "apply": partial(commands.apply, root, plan_id),
        "undo": partial(commands.undo, root, plan_id),
        "purge": partial(commands.purge, root, plan_id, NOW),
    }
    for kills in range(200):
        system.delete_dir_contents(data)
        for name, content in before.items():
            put(system, f"{data}/{name}", content)
        system.delete_dir_contents(
            f"{bucket}/out/plan/plan={plan_id}/_journal", missing_dir_ok=True
        )
        if command != "apply":
            run["apply"]()
        steps.left = kills
        try:
            run[command]()
        except Killed:
            steps.left = None
            require_nothing_lost(held(system, data), root, plan_id, may_be_gone=command == "purge")
            run[command]()
            after = held(system, data)
            assert len(after) == (len(NAMES) if command != "purge" else 1)
            if command == "undo":
                assert after == before
        else:
            break
    assert 15 < kills < 200


def require_nothing_lost(
    found: dict[str, bytes], root: str, plan_id: str, *, may_be_gone: bool
) -> None:
    """The keeper is at its place; each copy there or in the quarantine, as the journal has it."""
    assert set(found.values()) == {b"1/same"}
    assert NAMES[0] in found
    box = f".imgdedup-quarantine/{plan_id}/"
    if not may_be_gone:
        assert all({f"{box}{name}", name} & found.keys() for name in NAMES)
    moved = {name.removeprefix(box) for name in found if name.startswith(box)}
    assert moved <= journal(root, plan_id)


def test_who_lost_the_lock_deletes_nothing(
    root: str, bucket: str, system: fs.FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_id = commands.plan(root, ALL).id
    copy = objects.copy

    def copy_late(uri: str, target: str) -> None:
        copy(uri, target)
        put(system, f"{bucket}/out/.imgdedup/writer.lock", b'{"owner": "another", "token": "x"}')

    with monkeypatch.context() as patch:
        patch.setattr(objects, "copy", copy_late)
        with pytest.raises(TryAgain, match="has taken the lock"):
            commands.apply(root, plan_id)
    found = held(system, f"{bucket}/data")
    assert set(NAMES) <= found.keys()
    monkeypatch.setattr(roots, "exclusive", partial(exclusive, pace=QUICK))
    commands.undo(root, plan_id)
    assert held(system, f"{bucket}/data").keys() == set(NAMES)
