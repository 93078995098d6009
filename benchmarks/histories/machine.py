"""The histories: what may happen to the days of a lake, drawn and shrunk by Hypothesis.

A day has to run again when its manifest changed or its run was abandoned. Whenever no day has to
run, the lake must hold the tables of one clean run over the manifests. Each such moment is an end
of the history.
"""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import ClassVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from benchmarks import lakes
from benchmarks.histories.changes import (
    DAYS,
    IMAGES,
    Change,
    Manifest,
    Review,
    changes,
    days,
    made,
)
from benchmarks.histories.laboratory import NOTHING, STAGES, Laboratory, Step
from benchmarks.pool import pictures
from imgdedup.console import say

_TOLD = 10  # comparisons between two lines of progress
STARTS = 6  # lakes that a history may begin with; the first is empty
STEPS = 4  # of a history: a beginning and three runs


class History(RuleBasedStateMachine):
    """A lake, the manifests of its days, and what has to run before its tables are right."""

    laboratory: ClassVar[Laboratory]
    tally: ClassVar[Counter[str]]
    ends: ClassVar[set[str]]  # the lakes that were compared

    def __init__(self) -> None:
        super().__init__()
        self.manifests: dict[str, Manifest] = {}
        self.unread: set[str] = set()  # days whose manifest changed since they were embedded
        self.removed: set[str] = set()  # days that a person is about to delete
        self.reviews: list[tuple[int, Review]] = []
        self.written = 0  # of the reviews: those that a run has met
        self.unsettled = False  # an abandoned run embedded a day, and no run has settled it
        self.lake = NOTHING
        self.tally["histories"] += 1

    @initialize(start=st.integers(0, STARTS - 1))
    def begin(self, start: int) -> None:
        """Begin with an empty lake, or with a lake of all days."""
        if start:
            draw = Random(start)
            for day in DAYS:
                chosen = draw.sample(IMAGES, 4)
                self.manifests[day] = {name: draw.choice(sorted(pictures())) for name in chosen}
            note(f"# the days hold {self.manifests}")
            self._run(DAYS)

    @rule(changes=changes, day=days)
    def run(self, changes: list[Change | Review], day: str) -> None:
        """Run a day."""
        self._change(changes)
        if day in self.manifests:
            self.tally["a day run"] += 1
            self._run([day])

    @rule(changes=changes, first=days, last=days)
    def run_range(self, changes: list[Change | Review], first: str, last: str) -> None:
        """Run several days together."""
        self._change(changes)
        if days := [day for day in sorted(self.manifests) if first <= day <= last]:
            self.tally["days run together"] += 1
            self._run(days)

    @rule(changes=changes, day=days)
    def run_twice(self, changes: list[Change | Review], day: str) -> None:
        """Run a day, and run it again: nothing may be written."""
        self._change(changes)
        if day in self.manifests:
            self.tally["a day run twice"] += 1
            self._run([day])
            self._run([day])

    @rule(changes=changes, day=days, last=st.sampled_from(STAGES[:-1]))
    def abandon(self, changes: list[Change | Review], day: str, last: str) -> None:
        """Run a day only up to a stage."""
        self._change(changes)
        if day in self.manifests:
            self.tally["a run abandoned"] += 1
            self._run([day], STAGES[: STAGES.index(last) + 1])

    def must_run(self) -> bool:
        """Tell whether some day has to run before the tables can be right."""
        is_new = bool(self.unread or self.removed) or self.written < len(self.reviews)
        return self.unsettled or (is_new and bool(self.manifests))

    def teardown(self) -> None:
        """Run the days that have to run, and compare the lake with a clean run."""
        if self.must_run():
            self.tally["days run at the end"] += 1
            self._run(sorted(self.unread) or sorted(self.manifests)[-1:])

    def _change(self, changes: Iterable[Change | Review]) -> None:
        for change in changes:
            if isinstance(change, Review):
                self.tally[f"a pair called {change.verdict}"] += 1
                self.reviews.append((len(self.reviews), change))
                continue
            day = change.day
            rows, what = made(change, self.manifests)
            if rows is not None and rows != self.manifests.get(day, {}):
                self.tally[f"a day {what}"] += 1
                self.manifests[day] = rows
                self.unread.add(day)
            # One day has to be left to run. A day that was never embedded cannot be deleted.
            embedded = self.manifests.keys() - self.unread
            if rows is None and day in embedded and len(self.manifests) > 1:
                self.tally[f"a day {what}"] += 1
                del self.manifests[day]
                self.removed.add(day)

    def _run(self, days: Iterable[str], stages: Iterable[str] = STAGES) -> None:
        manifests = {day: self.manifests[day] for day in days}
        step = Step.of(manifests, stages, self.removed, self.reviews[self.written :])
        self.written = len(self.reviews)
        self.lake = self.laboratory.after(self.lake, step)
        self.removed.clear()
        self.unsettled = step.stages != STAGES
        if "embed" in step.stages:
            self.unread -= set(days)
        else:
            self.unread |= set(days)
        needless = self.laboratory.needless(self.lake)
        assert not needless, f"written again without a change: {', '.join(needless)}"
        if not self.must_run():
            self._compare()

    def _compare(self) -> None:
        clean = self.laboratory.after(NOTHING, Step.of(self.manifests, reviews=self.reviews))
        if self.lake not in {clean, *self.ends}:
            self.ends.add(self.lake)
            self.tally["compared"] += 1
            if self.tally["compared"] % _TOLD == 0:
                say(f"histories: comparing the {self.tally['compared']}th")
        found = self.laboratory.contents(self.lake)
        told = lakes.differences(found, self.laboratory.contents(clean))
        assert not told, "differs from a clean run:\n" + "\n".join(told)


def histories(laboratory: Laboratory, tally: Counter[str]) -> type[History]:
    """Make a machine that tries histories in a laboratory; `tally` counts what happens."""
    return type("Histories", (History,), {"laboratory": laboratory, "tally": tally, "ends": set()})
