"""What a plan may take at most, and what is left out for it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from imgdedup.removal.candidates import Candidate, Candidates
from imgdedup.removal.protected import Protected

File = list[Candidate]  # the images of one file


@dataclass(frozen=True)
class Limits:
    """How much a plan may move, and what it must leave alone.

    Raises ValueError for values out of range.
    """

    most_images: int = 10_000
    most_share: float = 0.5  # of the images of a folder; a folder with more is left alone
    protected: tuple[str, ...] = ()  # paths or uris: nothing at or below them is moved
    across: bool = False  # also move a copy whose keeper lies in another source

    def __post_init__(self) -> None:
        if self.most_images < 1:
            raise ValueError("most_images is at least 1")
        if not 0 < self.most_share <= 1:
            raise ValueError("most_share is more than 0, and at most 1")


def limit(found: Candidates, limits: Limits, protected: Protected) -> None:
    """Refuse what the limits leave out, whole files at a time; `protected` are their places."""
    _protect(found.files, protected)
    if not limits.across:
        for file in _movable(found.files):
            if any(image.row["source"] != image.row["keeper_source"] for image in file):
                _refuse(file, "its keeper lies in another source (ACROSS)")
    _spare_folders(found, limits.most_share)
    _take_the_surest(found.files, limits.most_images)


def _movable(files: Iterable[File]) -> list[File]:
    return [file for file in files if any(image.refused is None for image in file)]


def _refuse(file: File, why: str) -> None:
    for image in file:
        image.refuse(why)


def _places(image: Candidate) -> tuple[str, str]:
    return image.name.uri, image.row["file_key"]


def _protect(files: Iterable[File], protected: Protected) -> None:
    for file in _movable(files):
        if protected.holds({place for image in file for place in _places(image)}):
            _refuse(file, "it is protected (PROTECT)")


def _spare_folders(found: Candidates, most_share: float) -> None:
    """Refuse all of a folder that would lose too much: no part of it goes unseen."""
    movable = {
        image.name.uri: image.folder
        for file in _movable(found.files)
        for image in file
        if image.refused is None
    }
    going = Counter(movable.values())
    spared = {
        folder for folder, count in going.items() if count > most_share * found.folders[folder]
    }
    for file in _movable(found.files):
        if any(image.folder in spared for image in file):
            _refuse(file, "its folder would lose too many of its images (MOST_SHARE)")


def _take_the_surest(files: Iterable[File], most_images: int) -> None:
    """Refuse what is over the number: exact copies go first, then those of the widest margin."""
    taken = 0
    for file in sorted(_movable(files), key=_sureness):
        count = len({image.name.uri for image in file if image.refused is None})
        if taken + count > most_images:
            _refuse(file, "the plan has as many images as it may (MOST_IMAGES)")
        else:
            taken += count


def _sureness(file: File) -> tuple[bool, float, str]:
    return max(
        (image.row["kind"] != "exact", -(image.row["margin"] or 0.0), image.name.uri)
        for image in file
    )
