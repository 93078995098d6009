"""The settlement: what an incremental stage has to do, and the one way it publishes.

A stage opens a settlement and asks three questions. Must it do everything again? Which days have
changed? Which contents are touched? Then the stage publishes its tables through the settlement.
The settlement adds the record of what was settled, and the contents that wait for the next stage.
All of that becomes visible in one commit. A run settles whatever days have changed, so the next
run also settles what a killed run left.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

from pyspark.sql import Column, DataFrame

from imgdedup.lake import Lake, Staged
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.settling import changes, progress
from imgdedup.settling.changes import Delta
from imgdedup.settling.checks import report_damage
from imgdedup.settling.progress import Progress


def is_repairing(lake: Lake) -> bool:
    """Tell whether this run trusts nothing that is derived (`lake.repair`).

    A stage whose tables are not derived leaves them as they are.
    """
    return lake.repair


class Settlement:
    """What one stage of one run has to do, and how the stage publishes.

    `rules` names, in words, the settings that the rows of the stage depend on. With other rules the
    stage does everything again. `reads` is the dataset whose partitions tell which days
    have changed. `beside` is another dataset that the stage reads on the same days. The `unsure`
    days of `reads` count as changed in any case. `writes` are the datasets that the stage writes
    again when one is damaged.
    """

    def __init__(
        self,
        lake: Lake,
        stage: str,
        *,
        rules: str,
        reads: str,
        writes: Sequence[str],
        beside: str | None = None,
        unsure: Collection[str] = (),
    ) -> None:
        self.lake = lake
        self.stage = stage
        self.rules = rules
        self.versions = lake.versions(reads)
        if beside is not None:
            others = lake.versions(beside)
            self.versions = {
                day: f"{version} {others.get(day, '')}" for day, version in self.versions.items()
            }
        self._unsure = unsure
        self._before = progress.read_progress(lake, stage)
        self.everything = (
            is_repairing(lake)
            or self._before.rules != rules
            or report_damage(lake, stage, writes, self._before.versions)
        )

    @property
    def settled_versions(self) -> Mapping[str, str]:
        """The version of each partition that the stage settled before, by day."""
        return self._before.versions

    @cached_property
    def changed_days(self) -> list[str]:
        """The days of `reads` that changed since the stage last settled, or all of its days."""
        if self.everything:
            return sorted(self.versions)
        unsure = self.versions.keys() & set(self._unsure)
        return sorted({*self._before.changed_days(self.versions), *unsure})

    @cached_property
    def is_done(self) -> bool:
        """Whether the stage has settled all that there is: nothing changed, and nothing waits."""
        return not self.everything and not self.changed_days and self._waiting is None

    @cached_property
    def days(self) -> list[str]:
        """The days that search has settled: the tables of later stages have just these."""
        return self.lake.days(SNAPSHOT_DATASET)

    @cached_property
    def snapshot(self) -> DataFrame:
        """The images that search has settled: the columns of SNAPSHOT, and `dt`."""
        return self.lake.read(SNAPSHOT_DATASET)

    @cached_property
    def touched(self) -> DataFrame:
        """The touched contents (see `changes`) that wait for the stage, or all contents."""
        if self._waiting is not None and not self.everything:
            return self._waiting
        nothing = self.snapshot.limit(0)
        return changes.touched(nothing, self.snapshot, None if self.everything else [])

    @cached_property
    def since(self) -> Column:
        """A condition on `dt` that holds for every pair with a touched content."""
        return changes.since(self.touched)

    @cached_property
    def _waiting(self) -> DataFrame | None:
        return progress.read_queue(self.lake, self.stage)

    def stage_delta(self, dataset: str, delta: Delta, days: Sequence[str] | None = None) -> Staged:
        """Stage the partitions of `dataset` that a delta changes; only `days` stay."""
        days = self.days if days is None else days
        return changes.stage_delta(self.lake, dataset, delta, days, everything=self.everything)

    def publish(
        self,
        tables: Staged,
        next_stage: str | None = None,
        *,
        touched: DataFrame | None = None,
        versions: Mapping[str, str] | None = None,
    ) -> None:
        """Publish the tables of the stage, and that it has settled, in one commit.

        Then the `touched` contents, by default those of this settlement, wait for `next_stage`. The
        next stage does everything again when this stage did. `versions` are the settled versions,
        by default those of all partitions of `reads`.
        """
        lake, settled = self.lake, self.versions if versions is None else versions
        staged = tables + progress.stage_progress(lake, self.stage, Progress(self.rules, settled))
        if self._waiting is not None:
            staged += progress.stage_queue(lake, self.stage, None)
        if next_stage is not None:
            waiting = progress.read_queue(lake, next_stage)
            waiting = changes.together(waiting, self.touched if touched is None else touched)
            staged += progress.stage_queue(lake, next_stage, None if waiting.isEmpty() else waiting)
            if self.everything:
                staged += progress.stage_restart(lake, next_stage)
        lake.publish(staged)
