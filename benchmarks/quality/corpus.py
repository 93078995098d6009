"""The benchmark's corpus: photographs, edited copies of some of them, and the truth about both.

    <folder>/files/photos/<photo>            untouched; copies were made of the chosen ones
    <folder>/files/copies/<photo>/crop.jpg   one for each edit, and an exact copy
    <folder>/truth.parquet                   what each file is

The system sees only what is below `files`. The same photographs, seed and versions give the same
files.
"""

import hashlib
import inspect
import json
import shutil
import zlib
from collections.abc import Collection, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator
from PIL import Image

from benchmarks.quality.photos import Photos, digest_of, draw_stills, opened, usable
from imgdedup.corpora import edits, motion, strong_edits, turned_edits
from imgdedup.corpora.edits import EVERYDAY, Edited, fit, jpeg
from imgdedup.corpora.folders import lies_in
from imgdedup.corpora.motion import STILL, Box
from imgdedup.corpora.strong_edits import COLLAGE, STRONG, collage
from imgdedup.corpora.turned_edits import TURNED
from imgdedup.errors import UserError

FILES = "files"
TRUTH = "truth.parquet"
LONG_SIDE = 1024  # pixels; a larger photograph is shrunk to this, as JPEG
PHOTO = "photo"  # kinds of file
COPY = "copy"
EVERYDAY_KIND = "everyday"
STRONG_KIND = "strong"
KINDS = {
    COPY: COPY,
    **dict.fromkeys([*EVERYDAY, *TURNED], EVERYDAY_KIND),
    **dict.fromkeys([*STRONG, COLLAGE], STRONG_KIND),
}  # by edit

_MADE_BY = (edits, motion, strong_edits, turned_edits)


@dataclass(frozen=True)
class Truth:
    """What one file of the corpus is, and how the picture in it came from its photograph.

    A copy shows the box `crop` of its photograph, and the photograph shows the box `place` of its
    copy: left, top, right, bottom as shares of the sides. `scale` is pixels of the copy for one
    pixel of the photograph. `rotation` is in degrees, counter-clockwise, after the mirroring if
    there is one. When `is_exact` is false, as after a change of perspective, these values are only
    close.
    """

    image_id: str  # path below FILES
    photo: str  # the photograph that it shows; an untouched photograph shows itself
    photos: tuple[str, ...]  # all photographs that it shows: four for a collage
    kind: str  # PHOTO, COPY, EVERYDAY_KIND, STRONG_KIND
    edit: str  # PHOTO, COPY or the name of the edit
    amount: str  # of the edit, in words
    crop: Box
    place: Box
    scale: float
    rotation: float
    mirrored: bool
    is_exact: bool


@dataclass(frozen=True)
class Corpus:
    """A corpus in a folder."""

    files: Path  # the folder that the system sees
    truth: tuple[Truth, ...]
    description: Mapping[str, Any]  # counts, seed and choices, for the results


def ensure(
    folder: Path,
    available: dict[str, Path],
    originals: int,
    seed: int,
    about: Mapping[str, Any],
    folders: Collection[str] = (),
) -> Corpus:
    """Build the corpus of the `available` photographs in `folder`, unless it is there complete.

    `seed` chooses `originals` photographs to make copies of, or all if there are fewer. If any
    `folders` are given, it chooses only from folders of these names. `about` goes into the
    description. Raises UserError when there are fewer than the four photographs of a collage, when
    there is none to choose, and when the folder cannot be written.
    """
    recipe = {
        "photos": digest_of(sorted(available), available),
        "originals": originals,
        "animations": "without copies",
        "folders": sorted(folders),
        "seed": seed,
        "versions": {name: version(name) for name in ("numpy", "pillow")},
        "made_by": hashlib.sha256(
            "".join(inspect.getsource(module) for module in _MADE_BY).encode()
        ).hexdigest(),
    }
    found = _load(folder, recipe, about)
    if found is not None:
        return found
    try:
        return _build(folder, available, recipe, about)
    except OSError as error:
        raise UserError(f"cannot write the corpus to {folder}: {error.strerror or error}") from None


def load(folder: Path) -> Corpus:
    """Read the corpus in `folder`; UserError when there is none."""
    try:
        table = pq.ParquetFile(folder / TRUTH).read()
        truth = tuple(_truth(row) for row in table.to_pylist())
        description = json.loads(table.schema.metadata[b"description"])
    except (OSError, pa.ArrowException, TypeError, KeyError):
        raise UserError(f"there is no corpus in {folder}: run the benchmark in full") from None
    return Corpus(folder / FILES, truth, description)


def _truth(row: dict[str, Any]) -> Truth:
    lists = {name: tuple(row[name]) for name in ("photos", "crop", "place")}
    return Truth(**{**row, **lists})


def _load(folder: Path, recipe: Mapping[str, Any], about: Mapping[str, Any]) -> Corpus | None:
    """Read the corpus in `folder`; None if another recipe made it or a file of it is missing."""
    try:
        found = load(folder)
        metadata = pq.read_schema(folder / TRUTH).metadata
    except UserError:
        return None
    if json.loads(metadata[b"recipe"]) != recipe:
        return None
    if not all((found.files / row.image_id).is_file() for row in found.truth):
        return None
    return Corpus(found.files, found.truth, {**found.description, **about})


def _build(
    folder: Path,
    available: dict[str, Path],
    recipe: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Corpus:
    partial_folder = folder.with_name(f".{folder.name}.partial")  # renamed at the end
    shutil.rmtree(partial_folder, ignore_errors=True)
    photos = usable(available)
    names = sorted(photos.files)
    if len(names) < 4:
        raise UserError(f"{len(names)} usable photographs: the benchmark needs at least four")
    folders, seed = recipe["folders"], recipe["seed"]
    eligible = [name for name in names if not folders or lies_in(name, folders)]
    if not eligible:
        raise UserError("no usable photograph lies in a folder that COPIES_OF names")
    files = partial_folder / FILES
    place = partial(_place_photo, photos=photos, folder=files / "photos")
    with ProcessPoolExecutor() as workers:
        shrunk = sum(workers.map(place, names, chunksize=32))
        chosen = sorted(draw_stills(eligible, photos.files, recipe["originals"], seed))
        family = partial(_place_copies, names=names, files=files, seed=seed)
        families = list(workers.map(family, chosen))
    truth = [_untouched(name) for name in names] + [row for rows in families for row in rows]
    about = {**about, "copies_of": folders}
    description = _description(photos, chosen, shrunk, truth, seed, about)
    table = pa.Table.from_pylist([asdict(row) for row in truth])
    metadata = {"recipe": json.dumps(recipe), "description": json.dumps(description)}
    pq.write_table(table.replace_schema_metadata(metadata), partial_folder / TRUTH)
    shutil.rmtree(folder, ignore_errors=True)
    partial_folder.rename(folder)
    return Corpus(folder / FILES, tuple(truth), description)


def _description(
    photos: Photos,
    chosen: list[str],
    shrunk: int,
    truth: list[Truth],
    seed: int,
    about: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        **about,
        "seed": seed,
        "photos": len(photos.files),
        "originals": len(chosen),
        "distractors": len(photos.files) - len(chosen),
        "edits": len(KINDS) - 1,
        "copies": sum(row.kind != PHOTO for row in truth),
        "files": len(truth),
        "shrunk": shrunk,
        "left_out": {
            "unreadable": photos.unreadable,
            "small": photos.small,
            "identical": photos.identical,
        },
    }


def _place_photo(name: str, photos: Photos, folder: Path) -> bool:
    """Put a photograph into the corpus, shrunk if it is large; tell whether it was shrunk."""
    source, target = photos.files[name], folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(source) as image:
        is_large = max(image.size) > LONG_SIDE
    if is_large:
        target.write_bytes(jpeg(95).encode(fit(opened(source), LONG_SIDE)))
    else:
        shutil.copyfile(source, target)
    return is_large


def _place_copies(name: str, names: list[str], files: Path, seed: int) -> list[Truth]:
    """Write the copies of one photograph; each edit draws its amount from its own generator."""
    source = files / "photos" / name
    picture = opened(source)
    folder = files / "copies" / name
    folder.mkdir(parents=True)
    exact = folder / f"copy{source.suffix}"
    shutil.copyfile(source, exact)
    image_id = exact.relative_to(files).as_posix()
    rows = [_row(image_id, name, (name,), COPY, picture, Edited(picture, ""))]
    others = _others(name, names, _generator(seed, f"{name}/others"))
    pictures = [opened(files / "photos" / other) for other in others]
    for edit, change in {**EVERYDAY, **TURNED, **STRONG, COLLAGE: collage(pictures)}.items():
        edited = change(picture, _generator(seed, f"{name}/{edit}"))
        path = folder / f"{edit}{edited.encoding.suffix}"
        path.write_bytes(edited.encoding.encode(edited.image))
        shown = (name, *others) if edit == COLLAGE else (name,)
        image_id = path.relative_to(files).as_posix()
        rows.append(_row(image_id, name, shown, edit, picture, edited))
    return rows


def _others(name: str, names: list[str], rng: Generator) -> list[str]:
    """Draw three other photographs."""
    rest = [other for other in names if other != name]
    return [rest[number] for number in rng.choice(len(rest), 3, replace=False)]


def _row(
    image_id: str,
    photo: str,
    photos: tuple[str, ...],
    edit: str,
    picture: Image.Image,
    edited: Edited,
) -> Truth:
    way = edited.motion
    return Truth(
        image_id,
        photo,
        photos,
        KINDS[edit],
        edit,
        edited.amount,
        crop=way.shown(picture.size, edited.image.size),
        place=way.inverse.shown(edited.image.size, picture.size),
        scale=way.scale,
        rotation=way.rotation,
        mirrored=way.mirrored,
        is_exact=way.exact,
    )


def _untouched(name: str) -> Truth:
    whole = (0.0, 0.0, 1.0, 1.0)
    return Truth(
        f"photos/{name}",
        name,
        (name,),
        PHOTO,
        PHOTO,
        "",
        whole,
        whole,
        STILL.scale,
        0.0,
        False,
        True,
    )


def _generator(seed: int, name: str) -> Generator:
    """The generator of one file; each file has its own, so that a new edit changes no other."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])
