"""The histories themselves: what may happen to the days of a lake, drawn and shrunk by Hypothesis.

Whenever every day whose manifest changed, or whose run was abandoned, has run again, the lake has
to hold what one clean run over the manifests leaves. Each such moment is the end of a history.
"""

from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import ClassVar

from hypothesis import HealthCheck, Phase, note, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from benchmarks import lakes
from benchmarks.histories.changes import DAYS, IMAGES, Change, Manifest, changes, days, made
from benchmarks.histories.laboratory import NOTHING, STAGES, Laboratory, Step
from benchmarks.pool import pictures
from imgdedup.console import say

_TOLD = 10  # histories between two words of progress
STARTS = 6  # lakes that histories begin with; the first is empty
STEPS = 4  # of a history: how it begins, and three runs


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
        self.unsettled = False  # an abandoned run embedded a day, and none has settled it yet
        self.lake = NOTHING
        self.tally["histories"] += 1

    @initialize(start=st.integers(0, STARTS - 1))
    def begin(self, start: int) -> None:
        """Begin with an empty lake, or with one of some that hold all days."""
        if start:
            draw = Random(start)
            for day in DAYS:
                chosen = draw.sample(IMAGES, 4)
                self.manifests[day] = {name: draw.choice(sorted(pictures())) for name in chosen}
            note(f"# the days hold {self.manifests}")
            self._run(DAYS)

    @rule(changes=changes, day=days)
    def run(self, changes: list[Change], day: str) -> None:
        """Run a day."""
        self._change(changes)
        if day in self.manifests:
            self.tally["a day run"] += 1
            self._run([day])

    @rule(changes=changes, first=days, last=days)
    def run_range(self, changes: list[Change], first: str, last: str) -> None:
        """Run some days together."""
        self._change(changes)
        if days := [day for day in sorted(self.manifests) if first <= day <= last]:
            self.tally["days run together"] += 1
            self._run(days)

    @rule(changes=changes, day=days)
    def run_twice(self, changes: list[Change], day: str) -> None:
        """Run a day, and run it again: nothing may be written."""
        self._change(changes)
        if day in self.manifests:
            self.tally["a day run twice"] += 1
            self._run([day])
            self._run([day])

    @rule(changes=changes, day=days, last=st.sampled_from(STAGES[:-1]))
    def abandon(self, changes: list[Change], day: str, last: str) -> None:
        """Run a day up to a stage, and no further."""
        self._change(changes)
        if day in self.manifests:
            self.tally["a run abandoned"] += 1
            self._run([day], STAGES[: STAGES.index(last) + 1])

    def must_run(self) -> bool:
        """Tell whether the tables are not yet what the manifests make of them."""
        return bool(self.unread or self.removed) or self.unsettled

    def teardown(self) -> None:
        """Run what has to run, and hold the lake against a clean run."""
        if self.must_run():
            self.tally["days run at the end"] += 1
            self._run(sorted(self.unread) or sorted(self.manifests)[-1:])

    def _change(self, changes: Iterable[Change]) -> None:
        for change in changes:
            day = change.day
            rows, what = made(change, self.manifests)
            if rows is not None and rows != self.manifests.get(day, {}):
                self.tally[f"a day {what}"] += 1
                self.manifests[day] = rows
                self.unread.add(day)
            # Something has to be left to run, and what was never embedded cannot be deleted.
            embedded = self.manifests.keys() - self.unread
            if rows is None and day in embedded and len(self.manifests) > 1:
                self.tally[f"a day {what}"] += 1
                del self.manifests[day]
                self.removed.add(day)

    def _run(self, days: Iterable[str], stages: Iterable[str] = STAGES) -> None:
        step = Step.of({day: self.manifests[day] for day in days}, stages, self.removed)
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
        clean = self.laboratory.after(NOTHING, Step.of(self.manifests))
        if self.lake not in {clean, *self.ends}:
            self.ends.add(self.lake)
            self.tally["compared"] += 1
            if self.tally["compared"] % _TOLD == 0:
                say(f"histories: comparing the {self.tally['compared']}th")
        found = self.laboratory.contents(self.lake)
        told = lakes.differences(found, self.laboratory.contents(clean))
        assert not told, "not what a clean run leaves:\n" + "\n".join(told)


def histories(laboratory: Laboratory, tally: Counter[str]) -> type[History]:
    """The machine whose histories happen in a laboratory; `tally` counts what happens in them."""
    return type("Histories", (History,), {"laboratory": laboratory, "tally": tally, "ends": set()})


def try_histories(machine: type[History], number: int, chosen_seed: int) -> None:
    """Try that many histories.

    The first that ends otherwise than a clean run is shrunk and raised as AssertionError, with
    the steps that lead there in its notes.
    """
    chosen = hypothesis_settings(
        max_examples=number,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seed(chosen_seed)(machine), settings=chosen)
