"""What may happen to the manifests of a lake's days between two runs."""

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from benchmarks.pool import pictures

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
IMAGES = ("a", "b", "c", "d", "e", "f")
_MOST = 4  # between two runs

Manifest = Mapping[str, str]  # what stands under each image_id: a name in the pool


class Put(NamedTuple):
    """A manifest grows, or an image in it becomes another picture."""

    day: str
    image_id: str
    picture: str


class Take(NamedTuple):
    """A manifest shrinks."""

    day: str
    image_id: str


class Empty(NamedTuple):
    """A day's manifest has no images any more."""

    day: str


class Copy(NamedTuple):
    """A day gets the images of another one, too, under the same ids."""

    day: str
    other: str


class Remove(NamedTuple):
    """A person deletes a day's manifest and embeddings."""

    day: str


Change = Put | Take | Empty | Copy | Remove

days, _images = st.sampled_from(DAYS), st.sampled_from(IMAGES)
_puts = st.builds(Put, days, _images, st.sampled_from(sorted(pictures())))
_others = st.one_of(
    st.builds(Take, days, _images),
    st.builds(Copy, days, days),
    st.builds(Empty, days),
    st.builds(Remove, days),
)
changes = st.lists(st.one_of(_puts, _puts, _others), min_size=1, max_size=_MOST)


def made(change: Change, manifests: Mapping[str, Manifest]) -> tuple[Manifest | None, str]:
    """What a change makes of its day's manifest, None when the day goes, and that in a word."""
    rows = manifests.get(change.day, {})
    match change:
        case Put(_, image_id, picture):
            what = "corrected" if image_id in rows else "grown"
            return {**rows, image_id: picture}, what
        case Take(_, image_id):
            return {name: rows[name] for name in rows if name != image_id}, "shrunk"
        case Copy(_, other):
            return {**rows, **manifests.get(other, {})}, "copied to"
        case Empty():
            return {}, "emptied"
        case Remove():
            return None, "removed"
