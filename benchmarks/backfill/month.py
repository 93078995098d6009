"""A month of small days: photographs, edited copies and exact copies, dealt to the days by lot.

    <folder>/2026-01-01/<photograph>.photo.jpg       the photograph, shrunk if it is large
    <folder>/2026-01-17/<photograph>.crop.jpg        an edited copy
    <folder>/2026-01-30/<photograph>.copy.jpg        the same bytes as the photograph

The same photographs, seed and versions give the same files.
"""

import shutil
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.quality.photos import opened
from imgdedup.corpora.edits import EVERYDAY, fit, jpeg
from imgdedup.errors import UserError

PHOTO = "photo"
COPY = "copy"
EDITED = "edited"
PHOTOS_SHARE = 0.6  # of the files; of the others, one in COPIES_PER_EXACT is an exact copy
COPIES_PER_EXACT = 4
LONG_SIDE = 640  # pixels


@dataclass(frozen=True)
class Month:
    """The files of some days: `kinds` counts photographs, exact copies and edited ones."""

    folder: Path
    days: tuple[str, ...]
    kinds: Mapping[str, int]

    @property
    def images(self) -> str:
        """The location of a day's images, as an operator writes it."""
        return f"{self.folder}/{{dt}}"


def build(
    folder: Path, photos: Mapping[str, Path], days: Sequence[str], per_day: int, seed: int
) -> Month:
    """Write `per_day` files for each of `days`; `photos` are files by name.

    Raises UserError when there are too few photographs for so many files, or the folder cannot
    be written.
    """
    chosen = choose(sorted(photos), len(days) * per_day, np.random.default_rng(seed))
    try:
        shutil.rmtree(folder, ignore_errors=True)
        for number, (name, edit) in enumerate(chosen):
            _write(folder / days[number % len(days)], name, photos[name], edit, seed)
    except OSError as error:
        raise UserError(f"cannot write the days to {folder}: {error.strerror or error}") from None
    counts = Counter(edit if edit in (PHOTO, COPY) else EDITED for _, edit in chosen)
    return Month(folder, tuple(days), counts)


def choose(names: Sequence[str], files: int, rng: np.random.Generator) -> list[tuple[str, str]]:
    """Draw (photograph, edit) for each file, in a random order; each pair occurs at most once."""
    originals = [names[n] for n in rng.permutation(len(names))[: round(files * PHOTOS_SHARE)]]
    copies = files - len(originals)
    exact = min(len(originals), copies // COPIES_PER_EXACT)
    possible = [(name, edit) for name in originals for edit in EVERYDAY]
    if copies - exact > len(possible):
        raise UserError(f"{len(names)} photographs are too few for {files} files: give more")
    drawn = rng.permutation(len(possible))[: copies - exact]
    chosen = [(name, PHOTO) for name in originals]
    chosen += [(originals[n], COPY) for n in rng.permutation(len(originals))[:exact]]
    chosen += [possible[n] for n in drawn]
    return [chosen[n] for n in rng.permutation(len(chosen))]


def _write(folder: Path, name: str, source: Path, edit: str, seed: int) -> None:
    picture = fit(opened(source), LONG_SIDE)
    stem = name.replace("/", "-")
    if edit in EVERYDAY:
        edited = EVERYDAY[edit](picture, np.random.default_rng([seed, zlib.crc32(stem.encode())]))
        file, content = f"{edit}{edited.encoding.suffix}", edited.encoding.encode(edited.image)
    else:
        file, content = f"{edit}.jpg", jpeg(95).encode(picture)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.{file}").write_bytes(content)
