"""The files of the benchmark, and the truth about each pair.

    <folder>/files/0017/object-1-left.jpg    a folder for each photograph
    <folder>/truth.parquet                   a row for each pair

The same photographs, seed and versions give the same files. Files of one photograph with the same
bytes are stored once, so that several pairs may share a file.
"""

import hashlib
import json
import re
import shutil
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.precision.kinds.catalogue import KINDS
from benchmarks.precision.kinds.pairs import Kind, Sources, Stored
from benchmarks.precision.kinds.text import faces
from benchmarks.quality.photos import digest_of, opened
from imgdedup.corpora import edits, strong_edits
from imgdedup.corpora.edits import fit
from imgdedup.errors import UserError

FILES = "files"
LONG_SIDE = 1024  # pixels; a larger photograph is shrunk to this
LEAST_SIDE = 160  # pixels; on a smaller photograph a small object is a few pixels
_TRUTH = "truth.parquet"


@dataclass(frozen=True)
class Row:
    """One pair of the corpus."""

    kind: str  # a name in KINDS
    number: int  # of the photograph
    left: str  # path below FILES
    right: str
    left_content: str  # SHA-256 of the bytes
    right_content: str
    detail: str  # what was drawn, in words


@dataclass(frozen=True)
class Corpus:
    """A corpus in a folder."""

    files: Path
    rows: tuple[Row, ...]
    photographs: int
    sides: tuple[int, int, int]  # long sides of the photographs: least, median, most; pixels


def ensure(
    folder: Path, photos: Mapping[str, Path], photographs: int, seed: int, workers: int | None
) -> Corpus:
    """Make the pairs of `photographs` drawn photographs in `folder`, unless they are there.

    `photos` are files by name. `workers` is the number of processes, None for one a core. Raises
    UserError when there are too few photographs, or the folder cannot be written.
    """
    recipe = json.dumps(
        {
            "photos": digest_of(sorted(photos), dict(photos)),
            "photographs": photographs,
            "seed": seed,
            "faces": faces(),
            "kinds": [kind.name for kind in KINDS],
            "versions": {name: version(name) for name in ("numpy", "pillow")}
            | {"cv2": cv2.__version__},
            "made_by": _digest_of_sources(),
        }
    )
    try:
        found = _load(folder, recipe)
        return found or _build(folder, photos, photographs, seed, workers, recipe)
    except OSError as error:
        raise UserError(f"cannot write the files to {folder}: {error.strerror or error}") from None


def choose(photos: Mapping[str, Path], photographs: int, seed: int) -> list[str]:
    """Draw photographs that are large enough, and as many others whose parts they may get.

    Raises UserError when there are too few.
    """
    names = sorted(photos)
    chosen: list[str] = []
    for place in np.random.default_rng(seed).permutation(len(names)):
        if len(chosen) == 2 * photographs:
            break
        try:
            is_large = min(opened(photos[names[place]]).size) >= LEAST_SIDE
        except Exception:  # codecs raise what they like on bad bytes
            continue
        chosen += [names[place]] if is_large else []
    if len(chosen) < 2 * photographs:
        raise UserError(
            f"{photographs} photographs and as many others are needed, of at least {LEAST_SIDE} "
            f"pixels a side, and there are {len(chosen)}: choose fewer PHOTOGRAPHS"
        )
    return chosen


def pairs_of(
    task: tuple[int, Path, Path], files: Path, seed: int, kinds: Sequence[Kind] = KINDS
) -> tuple[list[Row], int]:
    """Write the pairs of one photograph; give their rows, and the photograph's long side.

    `task` is the number of the photograph, its file and the file of the other photograph.
    """
    cv2.setNumThreads(1)
    number, photo, other = task
    sources = Sources(fit(opened(photo), LONG_SIDE), fit(opened(other), LONG_SIDE))
    (files / f"{number:04}").mkdir(parents=True)
    paths: dict[str, str] = {}
    rows = []
    for kind in kinds:
        if number % kind.every:
            continue
        rng = np.random.default_rng([seed, number, zlib.crc32(kind.name.encode())])
        pair = kind.make(sources, rng)
        name = f"{number:04}/{_plain(kind.name)}"
        left = _placed(files, f"{name}-left", pair.left, paths)
        if pair.right.is_link:
            right = f"{name}-right{pair.right.suffix}", left[1]
            (files / right[0]).symlink_to((files / left[0]).name)
        else:
            right = _placed(files, f"{name}-right", pair.right, paths)
        rows.append(Row(kind.name, number, left[0], right[0], left[1], right[1], pair.detail))
    return rows, max(sources.photo.size)


def _placed(files: Path, name: str, file: Stored, paths: dict[str, str]) -> tuple[str, str]:
    """Write a file unless its bytes are there; give its path below `files`, and its digest.

    `paths` are the files that are there, by digest.
    """
    content = hashlib.sha256(file.data).hexdigest()
    if content not in paths:
        paths[content] = f"{name}{file.suffix}"
        (files / paths[content]).write_bytes(file.data)
    return paths[content], content


def _build(
    folder: Path,
    photos: Mapping[str, Path],
    photographs: int,
    seed: int,
    workers: int | None,
    recipe: str,
) -> Corpus:
    chosen = [photos[name] for name in choose(photos, photographs, seed)]
    tasks = list(zip(range(photographs), chosen[:photographs], chosen[photographs:], strict=True))
    shutil.rmtree(folder, ignore_errors=True)
    write = partial(pairs_of, files=folder / FILES, seed=seed)
    if workers == 1:
        made = [write(task) for task in tasks]
    else:
        with ProcessPoolExecutor(workers) as pool:
            made = list(pool.map(write, tasks))
    rows = tuple(row for rows, _ in made for row in rows)
    longest = sorted(side for _, side in made)
    sides = [longest[0], longest[len(longest) // 2], longest[-1]]
    metadata = {"recipe": recipe, "photographs": str(photographs), "sides": json.dumps(sides)}
    table = pa.Table.from_pylist([asdict(row) for row in rows])
    pq.write_table(table.replace_schema_metadata(metadata), folder / _TRUTH)
    return Corpus(folder / FILES, rows, photographs, (sides[0], sides[1], sides[2]))


def _load(folder: Path, recipe: str) -> Corpus | None:
    """Read the corpus in `folder`; None if another recipe made it or a file is missing."""
    try:
        table = pq.ParquetFile(folder / _TRUTH).read()
        metadata = table.schema.metadata
        if metadata[b"recipe"].decode() != recipe:
            return None
        rows = tuple(Row(**row) for row in table.to_pylist())
        least, median, most = json.loads(metadata[b"sides"])
    except (OSError, pa.ArrowException, TypeError, KeyError):
        return None
    files = folder / FILES
    if not all((files / path).is_file() for row in rows for path in (row.left, row.right)):
        return None
    return Corpus(files, rows, int(metadata[b"photographs"]), (least, median, most))


def _digest_of_sources() -> str:
    """A digest of the code that makes the files."""
    own = [Path(__file__), *sorted(Path(__file__).parent.glob("kinds/*.py"))]
    others = [Path(str(module.__file__)) for module in (edits, strong_edits)]
    text = b"".join(path.read_bytes() for path in (*own, *others))
    return hashlib.sha256(text).hexdigest()


def _plain(name: str) -> str:
    """The name of a kind as a part of a file's name."""
    return re.sub(r"[^0-9A-Za-z.]+", "-", name).strip("-").lower()
