"""Checks of what a stage reads against what the stage before has written.

A partition says in its marker which files and how many rows it has (see `markers`). What is derived
and damaged is made anew by the stage that writes it; what is not stops the run with the numbers.
"""

from collections.abc import Iterable, Sequence

from imgdedup.console import say
from imgdedup.datasets import Lake
from imgdedup.errors import TryAgain, UserError


class Mismatch(TryAgain):
    """A stage read something else than the stage before wrote."""


def whole(lake: Lake, dataset: str, days: Sequence[str], writer: str) -> None:
    """Raise Mismatch unless the partitions of `days` are whole, as `writer`, a stage, left them."""
    faults = _faults(lake, dataset, days)
    if faults:
        raise Mismatch(f"{_words(faults)}: run {writer} again")
    written = sum(lake.marked_rows(dataset, day) or 0 for day in days)
    found = lake.read(dataset, days).count()
    if found != written:
        raise Mismatch(
            f"{dataset} has {found:,} rows on {len(days)} days where {writer} wrote {written:,}: "
            "make repair builds anew all that is derived"
        )


def damaged(lake: Lake, stage: str, datasets: Sequence[str], days: Iterable[str]) -> bool:
    """Whether one of the partitions that a stage has written itself is no longer whole; it tells.

    `days` are those that it has settled. The stage then settles everything anew.
    """
    known = sorted(days)
    faults = [fault for dataset in datasets for fault in _faults(lake, dataset, known)]
    if faults:
        say(f"{stage}: {_words(faults)}; it makes all of its tables anew")
    return bool(faults)


def embedded(lake: Lake, days: Sequence[str], settled: Iterable[str]) -> None:
    """Check `embeddings`, which nothing but `embed` can make again.

    Each stored day is whole, each of the run's own `days` has a row for each row of its manifest,
    and no day that was `settled` is gone while its manifest is there. Raises Mismatch.
    """
    stored = lake.days("embeddings")
    faults = _faults(lake, "embeddings", stored)
    lost = sorted((set(settled) & set(lake.days("manifest"))) - set(stored))
    faults += [f"embeddings of {day}: it is missing" for day in lost]
    if faults:
        raise Mismatch(f"{_words(faults)}: run those days again")
    for day in sorted(set(days) & set(stored) & set(lake.days("manifest"))):
        wanted, found = manifest_rows(lake, day), lake.marked_rows("embeddings", day)
        if wanted != found:
            raise Mismatch(
                f"embeddings of {day} has {found or 0:,} rows, its manifest {wanted:,}: run embed "
                "for that day again"
            )


def everything(lake: Lake) -> int:
    """Check the manifests and embeddings of all days by counting; the number of embeddings.

    Raises UserError that names the days to run again.
    """
    rows, faults = 0, []
    for day in sorted({*lake.days("manifest"), *lake.days("embeddings")}):
        found = lake.read("embeddings", [day]).count()
        wanted, marked = manifest_rows(lake, day), lake.marked_rows("embeddings", day)
        if not wanted == marked == found:
            faults.append(f"{day} ({wanted:,} rows in manifest, {found:,} in embeddings)")
        rows += found
    if faults:
        raise UserError(f"embeddings do not fit the manifests: run {', '.join(faults)} again")
    return rows


def manifest_rows(lake: Lake, dt: str) -> int:
    """The rows of a day's manifest: by its marker, or counted when it is the user's own."""
    if dt not in lake.days("manifest"):
        return 0
    marked = lake.marked_rows("manifest", dt)
    return lake.read_day("manifest", dt).count() if marked is None else marked


def _faults(lake: Lake, dataset: str, days: Iterable[str]) -> list[str]:
    return [f"{dataset} of {day}: {fault}" for day, fault in lake.faults(dataset, days).items()]


def _words(faults: Sequence[str]) -> str:
    more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
    return "; ".join(faults[:3]) + more
