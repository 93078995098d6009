"""A machine that tries random sequences on a folder, and checks after each step that none is lost.

A file is its bytes, or the target of a link. What runs, plans, applies and undoes leaves all files
there are: at their places, or in the quarantine with the knowledge of a journal. A purge takes only
files of its plan whose keepers are at their places, with their contents.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from benchmarks.removal.kills import Killed, killed
from benchmarks.removal.lake import Seen, digest, read_folder, write_tables
from imgdedup.errors import TryAgain, UserError
from imgdedup.removal import commands, local_files, plans, roots
from imgdedup.removal.journal import Journal
from imgdedup.removal.limits import Limits
from imgdedup.sources import QUARANTINE

STEPS = 12
_DAYS = ("2026-01-01", "2026-01-02")
_NAMES = ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg", "sub/e.jpg", "sub/deep/f.jpg")
_CONTENTS = (b"1/x", b"1/xx", b"1/xxx", b"2/y", b"2/yy")
_names = st.sampled_from(_NAMES)
_limits = st.builds(
    Limits,
    most_images=st.sampled_from([1, 2, 100]),
    most_share=st.sampled_from([0.5, 0.9, 1.0]),
    protected=st.just(()),
    across=st.booleans(),
)
_moments = st.one_of(st.none(), st.integers(0, 50))  # steps until the process is killed


class Sequence(RuleBasedStateMachine):
    """One sequence."""

    tally: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="removal-"))
        self.data, self.root = self.folder / "data", str(self.folder / "out")
        self.days: dict[str, list[Seen]] = {}
        self.plans: list[str] = []
        self.tally["sequences"] += 1

    def teardown(self) -> None:
        """Undo the rest, and find every file at a place again, or in the quarantine."""
        for plan_id in self.plans:
            self._run("undo", plan_id, None)
        shutil.rmtree(self.folder)

    @initialize(contents=st.lists(st.sampled_from(_CONTENTS), min_size=6, max_size=6))
    def begin(self, contents: list[bytes]) -> None:
        """Write the first files, and let a run read them."""
        for name, content in zip(_NAMES, contents, strict=True):
            self._path(name).parent.mkdir(parents=True, exist_ok=True)
            self._path(name).write_bytes(content)
        self.run(_DAYS[0])

    @rule(name=_names, content=st.sampled_from((None, *_CONTENTS)))
    def change(self, name: str, content: bytes | None) -> None:
        """A person writes or deletes a file."""
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)
        self.tally["files written" if content else "files deleted"] += 1

    @rule(name=_names, other=_names, hard=st.booleans())
    def link(self, name: str, other: str, hard: bool) -> None:
        """A person makes a file a link to another one, or gives that one a second name."""
        path, target = self._path(name), self._path(other)
        if name == other or not target.is_file() or target.is_symlink():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if hard:
            os.link(target, path)
        else:
            path.symlink_to(target)
        self.tally["links made"] += 1

    @rule(plan=st.integers(0, 9), name=_names)
    def restore(self, plan: int, name: str) -> None:
        """A person copies a file from a quarantine to its place."""
        if self.plans:
            held = self.data / QUARANTINE / self.plans[plan % len(self.plans)] / name
            if held.is_file() and not self._path(name).exists():
                self._path(name).unlink(missing_ok=True)
                self._path(name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(held, self._path(name))
                self.tally["files restored"] += 1

    @rule(day=st.sampled_from(_DAYS))
    def run(self, day: str) -> None:
        """A run reads the folder as the images of a day."""
        self.days[day] = read_folder(self.data)
        write_tables(self.root, self.days)
        self.tally["runs"] += 1

    @rule(limits=_limits)
    def plan(self, limits: Limits) -> None:
        """Make a plan; one that is there already is made no second time."""
        before = _files(self.data)
        made = commands.plan(self.root, limits)
        assert commands.plan(self.root, limits) == made
        if made.id not in self.plans:
            self.plans.append(made.id)
        self.tally["plans"] += 1
        assert _files(self.data) == before

    @rule(limits=_limits, moment=_moments)
    def plan_and_apply(self, limits: Limits, moment: int | None) -> None:
        """Make a plan and apply it, so that some are not too old."""
        self.plan(limits)
        self._run("apply", commands.plan(self.root, limits).id, moment)

    @rule(
        limits=_limits,
        name=_names,
        content=st.sampled_from((None, *_CONTENTS)),
        command=st.sampled_from(["undo", "purge"]),
        moment=_moments,
    )
    def apply_change_and_end(
        self, limits: Limits, name: str, content: bytes | None, command: str, moment: int | None
    ) -> None:
        """A plan of the files of now is applied, a person changes a file, and the plan ends."""
        self.run(_DAYS[0])
        self.plan_and_apply(limits, None)
        self.change(name, content)
        self._run(command, self.plans[-1], moment)

    @rule(
        command=st.sampled_from(["apply", "undo", "purge"]),
        plan=st.integers(0, 9),
        moment=_moments,
    )
    def command(self, command: str, plan: int, moment: int | None) -> None:
        """Apply, undo or purge a plan."""
        if self.plans:
            self._run(command, self.plans[plan % len(self.plans)], moment)

    def _run(self, command: str, plan_id: str, moment: int | None) -> None:
        before = _files(self.data)
        moved: Callable[[], object] = {
            "apply": lambda: commands.apply(self.root, plan_id),
            "undo": lambda: commands.undo(self.root, plan_id),
            "purge": lambda: commands.purge(self.root, plan_id, timedelta(0)),
        }[command]
        try:
            with killed(self.folder, moment):
                moved()
            self.tally[f"{command} ended"] += 1
        except Killed:
            self.tally[f"{command} killed"] += 1
        except (UserError, TryAgain):
            self.tally[f"{command} refused"] += 1
        after = _files(self.data)
        self._require_kept(before, after, plan_id if command == "purge" else None)

    def _require_kept(
        self, before: dict[str, bytes], after: dict[str, bytes], purged: str | None
    ) -> None:
        lost, more = (
            Counter(before.values()) - Counter(after.values()),
            Counter(after.values()) - Counter(before.values()),
        )
        assert not more, f"more files than before: {more}"
        if purged is None:
            assert not lost, f"lost: {lost}"
        else:
            self._require_witnesses(before.keys() - after.keys(), before, after, purged)
        known = self._known()
        stray = {name for name in after if name.startswith(QUARANTINE)} - known
        assert not stray, f"no journal knows of {stray}"
        self.tally["moved"] += len(after.keys() - before.keys())

    def _require_witnesses(
        self, gone: set[str], before: dict[str, bytes], after: dict[str, bytes], plan_id: str
    ) -> None:
        images, _ = plans.images(roots.root_of(self.root), plan_id)
        for name in gone:
            place = name.removeprefix(f"{QUARANTINE}/{plan_id}/")
            assert place != name, f"{name} was deleted, and was in no quarantine of the plan"
            image = images[self._path(place).as_uri()]
            keeper = Path(local_files.path_of(image.keeper_uri))
            assert digest(keeper.read_bytes()) == image.keeper_content
            assert QUARANTINE not in keeper.resolve().parts
            assert before[name].startswith(b"->") or digest(before[name]) == image.content_id
            self.tally["deleted"] += 1
        assert before.keys() - gone == after.keys()

    def _known(self) -> set[str]:
        """What the journals have in the quarantine, or in flight, below the folder of the data."""
        root, known = roots.root_of(self.root), set[str]()
        for plan_id in self.plans:
            files = Journal(root, plans.folder_of(root, plan_id)).files.values()
            for file in files:
                if file.where == "quarantine" or file.in_flight:
                    path = Path(local_files.path_of(file.quarantine))
                    known.add(str(path.relative_to(self.data)))
        return known

    def _path(self, name: str) -> Path:
        return self.data / name


def _files(data: Path) -> dict[str, bytes]:
    """The files below a folder by name, quarantines included; of a link its target."""
    found = {}
    for path in data.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(data))] = b"->" + os.fsencode(os.readlink(path))
        elif path.is_file():
            found[str(path.relative_to(data))] = path.read_bytes()
    return found


def sequences(tally: Counter[str]) -> type[Sequence]:
    """The machine that draws sequences, and counts in `tally` what happened."""
    return type("Sequences", (Sequence,), {"tally": tally})
