"""What each stage has settled, and what waits for it. Both are kept beside the tables.

A stage has settled some versions of the partitions that it reads, by some rules. The record of that
is published in the same commit as the tables of the stage.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from imgdedup.lake import Lake, Staged


@dataclass(frozen=True)
class Progress:
    """The rules of a stage in words, and the version of each partition that it settled, by day."""

    rules: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def changed_days(self, versions: Mapping[str, str]) -> list[str]:
        """The days that now have another version, or no version."""
        days = {*versions, *self.versions}
        return sorted(day for day in days if versions.get(day) != self.versions.get(day))


def read_progress(lake: Lake, stage: str) -> Progress:
    """What a stage has settled; empty before its first run."""
    text = lake.read_text(_file(stage))
    return Progress() if text is None else Progress(**json.loads(text))


def stage_progress(lake: Lake, stage: str, progress: Progress) -> Staged:
    """Stage the record of what a stage has settled."""
    return lake.stage_text(_file(stage), json.dumps(progress.__dict__, sort_keys=True))


def stage_restart(lake: Lake, stage: str) -> Staged:
    """Stage the removal of a stage's record: its next run settles everything."""
    return lake.stage_state(_file(stage), None)


def read_queue(lake: Lake, stage: str) -> DataFrame | None:
    """The touched contents that wait for a stage (see `changes`); None when nothing waits."""
    return lake.read_state(_queue(stage))


def stage_queue(lake: Lake, stage: str, touched: DataFrame | None) -> Staged:
    """Stage the touched contents that are to wait for a stage; None empties its queue."""
    return lake.stage_state(_queue(stage), touched)


def _file(stage: str) -> str:
    return f"settled/{stage}.json"


def _queue(stage: str) -> str:
    return f"waiting/{stage}"
