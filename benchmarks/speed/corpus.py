"""The files of the benchmark: photographs, copies of some of them, and the truth about both.

    <folder>/files/2026-01-01/00017.jpg     a folder for each day; numbers by lot
    <folder>/truth.parquet                  what each file is

The same photographs, seed and versions give the same files.
"""

import hashlib
import json
import shutil
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator

from benchmarks.quality.corpus import COPY, EVERYDAY_KIND, KINDS, LONG_SIDE, PHOTO, STRONG_KIND
from benchmarks.quality.photos import digest_of, opened
from imgdedup.corpora.edits import EVERYDAY, fit, jpeg
from imgdedup.corpora.strong_edits import STRONG
from imgdedup.corpora.turned_edits import TURNED
from imgdedup.errors import UserError

DAYS = ("2026-01-01", "2026-01-02")
EDITS = {**EVERYDAY, **TURNED, **STRONG}
COPIES_SHARE = 1 / 3  # of the files
SHARES = {COPY: 1 / 4, STRONG_KIND: 1 / 4}  # of the copies; the others have everyday edits
FILES = "files"
_TRUTH = "truth.parquet"


@dataclass(frozen=True)
class File:
    """What one file is."""

    name: str  # within the folder of its day; no two days share one
    day: str
    photo: str  # the photograph that it shows
    kind: str  # PHOTO, COPY, EVERYDAY_KIND or STRONG_KIND
    edit: str  # PHOTO, COPY or a name in EDITS
    content: str  # digest of the bytes


@dataclass(frozen=True)
class Corpus:
    """The files of one day or of two, with `size` files each."""

    folder: Path  # with a folder for each day
    size: int
    files: tuple[File, ...]

    def of(self, *days: str) -> list[File]:
        """The files of some days."""
        return [file for file in self.files if file.day in days]

    def kinds(self, day: str) -> dict[str, int]:
        """How many files of each kind a day has."""
        return dict(Counter(file.kind for file in self.of(day)))


def build(
    folder: Path, photos: Mapping[str, Path], size: int, days: Sequence[str], seed: int
) -> Corpus:
    """Write `size` files for each of `days`, unless they are there; `photos` are files by name.

    Raises UserError when there are too few photographs, or the folder cannot be written.
    """
    recipe = json.dumps(
        {
            "photos": digest_of(sorted(photos), dict(photos)),
            "size": size,
            "days": list(days),
            "seed": seed,
            "edits": sorted(EDITS),
            "versions": {name: version(name) for name in ("imgdedup", "numpy", "pillow")},
        }
    )
    try:
        return _load(folder, size, recipe) or _build(folder, photos, size, days, seed, recipe)
    except OSError as error:
        raise UserError(f"cannot write the files to {folder}: {error.strerror or error}") from None


def choose(
    names: Sequence[str], earlier: Sequence[str], size: int, rng: Generator
) -> list[tuple[str, str]]:
    """Draw (photograph, edit) for each of the `size` files of a day, in a random order.

    `names` are the day's photographs. Its copies show these or `earlier` photographs. No
    photograph has the same edit twice. Raises UserError when there are too few photographs.
    """
    copies = size - len(names)
    counts = {kind: round(copies * share) for kind, share in SHARES.items()}
    counts[EVERYDAY_KIND] = copies - sum(counts.values())
    shown = [*names, *earlier]
    chosen = [(name, PHOTO) for name in names]
    for kind, count in counts.items():
        edits = [edit for edit in (COPY, *EDITS) if KINDS[edit] == kind]
        if count > len(shown) * len(edits):
            raise UserError(f"{len(shown)} photographs are too few for {size} files: give more")
        drawn = rng.permutation(len(shown) * len(edits))[:count]
        chosen += [(shown[n // len(edits)], edits[n % len(edits)]) for n in drawn]
    return [chosen[n] for n in rng.permutation(len(chosen))]


def photos_of(size: int) -> int:
    """How many of the `size` files of a day are photographs."""
    return size - round(size * COPIES_SHARE)


def _build(
    folder: Path,
    photos: Mapping[str, Path],
    size: int,
    days: Sequence[str],
    seed: int,
    recipe: str,
) -> Corpus:
    each = photos_of(size)
    if each * len(days) > len(photos):
        raise UserError(
            f"{len(days)} days of {size:,} files need {each * len(days):,} photographs, and there "
            f"are {len(photos):,}: choose smaller SIZES"
        )
    drawn = np.random.default_rng(seed).permutation(len(photos))
    names = [sorted(photos)[n] for n in drawn[: each * len(days)]]
    rng = np.random.default_rng([seed, size])
    shutil.rmtree(folder, ignore_errors=True)
    tasks = []
    for place, day in enumerate(days):
        (folder / FILES / day).mkdir(parents=True)
        todays = names[place * each : (place + 1) * each]
        chosen = choose(todays, names[: place * each], size, rng)
        tasks += [(place * size + n, day, *what) for n, what in enumerate(chosen)]
    write = partial(_write, folder=folder / FILES, photos=dict(photos), seed=seed)
    with ProcessPoolExecutor() as workers:
        files = tuple(workers.map(write, tasks, chunksize=16))
    table = pa.Table.from_pylist([asdict(file) for file in files])
    pq.write_table(table.replace_schema_metadata({"recipe": recipe}), folder / _TRUTH)
    return Corpus(folder / FILES, size, files)


def _load(folder: Path, size: int, recipe: str) -> Corpus | None:
    """Read the corpus in `folder`; None if another recipe made it or a file is missing."""
    try:
        table = pq.ParquetFile(folder / _TRUTH).read()
        if table.schema.metadata[b"recipe"].decode() != recipe:
            return None
        files = tuple(File(**row) for row in table.to_pylist())
    except (OSError, pa.ArrowException, TypeError, KeyError):
        return None
    is_whole = all((folder / FILES / file.day / file.name).is_file() for file in files)
    return Corpus(folder / FILES, size, files) if is_whole else None


def _write(
    task: tuple[int, str, str, str], folder: Path, photos: Mapping[str, Path], seed: int
) -> File:
    """Write one file; each edit draws its amount from a generator of its own."""
    number, day, photo, edit = task
    source = photos[photo]
    picture = opened(source)
    is_large = max(picture.size) > LONG_SIDE
    picture = fit(picture, LONG_SIDE)
    if edit in EDITS:
        rng = np.random.default_rng([seed, zlib.crc32(f"{photo}/{edit}".encode())])
        edited = EDITS[edit](picture, rng)
        data, suffix = edited.encoding.encode(edited.image), edited.encoding.suffix
    elif is_large:
        data, suffix = jpeg(95).encode(picture), ".jpg"
    else:
        data, suffix = source.read_bytes(), source.suffix.lower()
    name = f"{number:05}{suffix}"
    (folder / day / name).write_bytes(data)
    kind = KINDS.get(edit, PHOTO)
    return File(name, day, photo, kind, edit, hashlib.sha256(data).hexdigest())
