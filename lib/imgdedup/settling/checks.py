"""Checks of what a stage reads against what the stage before it wrote.

The marker of a partition names its files and its number of rows. A stage that finds its own derived
partition damaged writes it again. A stage that finds other damage stops with the numbers.
"""

from collections.abc import Iterable, Sequence

from imgdedup.console import say
from imgdedup.errors import TryAgain, UserError
from imgdedup.lake import Lake
from imgdedup.lake.schemas import SNAPSHOT_DATASET
from imgdedup.settling.progress import read_progress


class Mismatch(TryAgain):
    """A stage read something else than the stage before it wrote."""


def require_whole(lake: Lake, dataset: str, days: Sequence[str], writer: str) -> None:
    """Raise Mismatch unless the partitions of `days` are whole, as the stage `writer` left them."""
    faults = _faults(lake, dataset, days)
    if faults:
        raise Mismatch(f"{_words(faults)}: run {writer} again")
    written = sum(lake.marked_rows(dataset, day) or 0 for day in days)
    found = lake.read(dataset, days).count()
    if found != written:
        raise Mismatch(
            f"{dataset} has {found:,} rows on {len(days)} days, and {writer} wrote {written:,}: "
            "run make repair, which writes all derived tables again"
        )


def report_damage(lake: Lake, stage: str, datasets: Sequence[str], days: Iterable[str]) -> bool:
    """Tell whether a partition that a stage wrote is damaged, and say so to the user.

    `days` are the days that the stage has settled.
    """
    known = sorted(days)
    faults = [fault for dataset in datasets for fault in _faults(lake, dataset, known)]
    if faults:
        say(f"{stage}: {_words(faults)}; {stage} writes all of its tables again")
    return bool(faults)


def require_embedded(lake: Lake, days: Sequence[str], stage: str) -> None:
    """Raise Mismatch unless `embeddings`, which only `embed` can write again, is complete.

    Each stored day is whole. Each of the run's own `days` has a row for each row of its manifest.
    No day that `stage` has settled is gone while its manifest is there.
    """
    stored = lake.days("embeddings")
    # A lake of an earlier version has no record of `index`, but a snapshot.
    settled = read_progress(lake, stage).versions or lake.days(SNAPSHOT_DATASET)
    faults = _faults(lake, "embeddings", stored)
    lost = sorted((set(settled) & set(lake.days("manifest"))) - set(stored))
    faults += [f"embeddings of {day}: the partition is missing" for day in lost]
    if faults:
        raise Mismatch(f"{_words(faults)}: run those days again")
    for day in sorted(set(days) & set(stored) & set(lake.days("manifest"))):
        wanted, found = _manifest_rows(lake, day), lake.marked_rows("embeddings", day)
        if wanted != found:
            raise Mismatch(
                f"embeddings of {day} has {found or 0:,} rows, its manifest {wanted:,}: run embed "
                "for that day again"
            )


def unmarked_manifests(lake: Lake, days: Iterable[str]) -> set[str]:
    """Those of `days` whose manifest has no marker: the user may have written it in place."""
    stored = set(lake.days("manifest"))
    return {day for day in set(days) & stored if lake.marked_rows("manifest", day) is None}


def count_embedded(lake: Lake) -> int:
    """Count the rows of `embeddings` on all days, and compare them with the manifests.

    Raises UserError that names the days to run again.
    """
    rows, faults = 0, []
    for day in sorted({*lake.days("manifest"), *lake.days("embeddings")}):
        found = lake.read("embeddings", [day]).count()
        wanted, marked = _manifest_rows(lake, day), lake.marked_rows("embeddings", day)
        if not wanted == marked == found:
            faults.append(f"{day} ({wanted:,} rows in manifest, {found:,} in embeddings)")
        rows += found
    if faults:
        raise UserError(f"embeddings do not fit the manifests: run {', '.join(faults)} again")
    return rows


def _manifest_rows(lake: Lake, dt: str) -> int:
    """The rows of a day's manifest: by its marker, or counted when the manifest has no marker."""
    if dt not in lake.days("manifest"):
        return 0
    marked = lake.marked_rows("manifest", dt)
    return lake.read_day("manifest", dt).count() if marked is None else marked


def _faults(lake: Lake, dataset: str, days: Iterable[str]) -> list[str]:
    return [f"{dataset} of {day}: {fault}" for day, fault in lake.faults(dataset, days).items()]


def _words(faults: Sequence[str]) -> str:
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(faults[:3]) + more
