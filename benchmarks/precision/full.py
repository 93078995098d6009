"""Runs the product on all files, and reads what it would remove."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imgdedup.errors import UserError
from imgdedup.local.run import run
from imgdedup.report.tables import read

DAY = "2026-01-01"


@dataclass(frozen=True)
class Outcome:
    """What a run wrote. Files are named by their path below the folder of all files."""

    pairs: frozenset[frozenset[str]]  # contents that verify took for copies, two each
    groups: Mapping[str, str]  # the group of each file that has one
    keepers: Mapping[str, str]  # the keeper of each file that has one; of a keeper, itself
    failures: Mapping[str, str]  # the code of each file that could not be embedded


def run_product(files: Path, lake: Path, overlay: str, settings: Mapping[str, object]) -> Outcome:
    """Run the whole DAG on the files with a new lake; UserError when the run fails."""
    shutil.rmtree(lake, ignore_errors=True)
    if run(str(files), lake, DAY, overlay=overlay, settings=settings):
        raise UserError("the run failed: its messages are above")
    return outcome(lake)


def outcome(lake: Path) -> Outcome:
    """Read what a run wrote into a lake."""
    pairs = read(lake, "pairs", [DAY], ["left_content", "right_content"])
    groups = read(lake, "groups", [DAY], ["image_id", "group_id", "keeper_id"])
    images = read(lake, "embeddings", [DAY], ["image_id", "failure"])
    failed = images[images["failure"].notna()]
    return Outcome(
        frozenset(
            frozenset(couple)
            for couple in zip(pairs["left_content"], pairs["right_content"], strict=True)
        ),
        dict(zip(groups["image_id"], groups["group_id"], strict=True)),
        dict(zip(groups["image_id"], groups["keeper_id"], strict=True)),
        dict(zip(failed["image_id"], failed["failure"], strict=True)),
    )
