"""The changes that the manifests of a lake's days, and its reviews, may have between two runs."""

from collections.abc import Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from benchmarks.pool import pictures

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
IMAGES = ("a", "b", "c", "d", "e", "f")
_MOST = 4  # changes between two runs

Manifest = Mapping[str, str]  # the name in the pool, by image_id


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
    """A day also gets the images of another day, under the same ids."""

    day: str
    other: str


class Remove(NamedTuple):
    """A person deletes a day's manifest and embeddings."""

    day: str


class Review(NamedTuple):
    """A person says what two pictures of the pool are."""

    picture: str
    other: str
    verdict: str


Change = Put | Take | Empty | Copy | Remove

days, _images = st.sampled_from(DAYS), st.sampled_from(IMAGES)
_puts = st.builds(Put, days, _images, st.sampled_from(sorted(pictures())))
_others = st.one_of(
    st.builds(Take, days, _images),
    st.builds(Copy, days, days),
    st.builds(Empty, days),
    st.builds(Remove, days),
)
# Few pictures, so that reviews meet: copies, other photographs, and a file that is no image.
_JUDGED = ("coffee", "coffee gray", "coffee crop", "chelsea", "chelsea png", "page", "text")
_reviews = st.builds(
    Review,
    st.sampled_from(_JUDGED),
    st.sampled_from(_JUDGED),
    st.sampled_from(("same", "different", "different", "none")),
)
changes = st.lists(st.one_of(_puts, _puts, _others, _reviews), min_size=1, max_size=_MOST)


def made(change: Change, manifests: Mapping[str, Manifest]) -> tuple[Manifest | None, str]:
    """The manifest of the day after a change, None when the day goes, and a word for the change."""
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
