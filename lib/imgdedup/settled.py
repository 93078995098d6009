"""What each stage has settled: by which rules, and from which versions of the partitions it reads.

Other rules, or none, mean that the stage settles everything anew. It is kept in the same commit as
the tables it speaks of.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql import DataFrame

from imgdedup.datasets import Lake, Staged


@dataclass(frozen=True)
class Settled:
    """Rules in words, and the version of each day's partition by then."""

    rules: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def changed(self, versions: Mapping[str, str]) -> list[str]:
        """The days that have another version now, or none any more."""
        days = {*versions, *self.versions}
        return sorted(day for day in days if versions.get(day) != self.versions.get(day))


def by(lake: Lake, stage: str) -> Settled:
    """What a stage has settled; nothing before its first run."""
    text = lake.read_text(_file(stage))
    return Settled() if text is None else Settled(**json.loads(text))


def staged(lake: Lake, stage: str, now: Settled) -> Staged:
    """Keep what a stage has settled now."""
    return lake.stage_text(_file(stage), json.dumps(now.__dict__, sort_keys=True))


def forgotten(lake: Lake, stage: str) -> Staged:
    """Let a stage settle everything anew when it runs next."""
    return lake.stage_state(_file(stage), None)


def waiting(lake: Lake, stage: str) -> DataFrame | None:
    """The touched contents that wait for a stage (see `changes`); None when there are none."""
    return lake.read_state(_queue(stage))


def queued(lake: Lake, stage: str, touched: DataFrame | None) -> Staged:
    """Let touched contents wait for a stage; None: all of them are settled."""
    return lake.stage_state(_queue(stage), touched)


def _file(stage: str) -> str:
    return f"settled/{stage}.json"


def _queue(stage: str) -> str:
    return f"waiting/{stage}"
