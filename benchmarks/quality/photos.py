"""The photographs of a folder, and which of them a benchmark can use."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from imgdedup.corpora.corpus import EDITED_PHOTOS, LONE_PHOTOS
from imgdedup.errors import UserError
from imgdedup.images.pixels import to_rgb

LEAST_SIDE = 64  # pixels; a tiny crop of a smaller picture would show almost nothing
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_PACKAGE_FOLDERS = {
    "scikit-image": ("skimage", "data"),
    "scikit-learn": ("sklearn", "datasets/images"),
}


@dataclass(frozen=True)
class Photos:
    """Files by name (the path below their folder), and how many other files were left out."""

    files: dict[str, Path]  # in the order of the names
    unreadable: int
    small: int  # with a side of less than LEAST_SIDE pixels
    identical: int  # with the same bytes as another file


def usable(files: dict[str, Path]) -> Photos:
    """Leave out files that are no picture, are too small, or repeat the bytes of an earlier one."""
    names = sorted(files)
    with ProcessPoolExecutor() as workers:
        looked_at = list(workers.map(_look, [files[name] for name in names], chunksize=32))
    found: dict[str, Path] = {}
    seen: set[str] = set()
    counts = {"unreadable": 0, "small": 0, "identical": 0}
    for name, (fault, digest) in zip(names, looked_at, strict=True):
        fault = fault or ("identical" if digest in seen else "")
        if fault:
            counts[fault] += 1
        else:
            found[name] = files[name]
            seen.add(digest)
    return Photos(found, **counts)


def below(folder: Path, half: str | None) -> dict[str, Path]:
    """The files below a folder by their path in it; hidden files are left out.

    `half` keeps every other category, by name: "a" the first, the third and so on, "b" the
    others. A category is a folder right below `folder`; a file outside all categories is in no
    half. Raises UserError when there is no such folder, or it has fewer than two categories.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}: say with PHOTOS where the photographs are")
    tops = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if half:
        categories = [path for path in tops if path.is_dir()]
        if len(categories) < 2:
            raise UserError(
                f"{folder} has {len(categories)} sub-folders: HALF needs at least two categories"
            )
        tops = categories["ab".index(half) :: 2]
    inside = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    files = {path.relative_to(folder).as_posix(): path for path in inside if path.is_file()}
    return {
        name: path
        for name, path in files.items()
        if not any(part.startswith(".") for part in name.split("/"))
    }


def some_of(files: dict[str, Path], number: int, seed: int) -> list[Path]:
    """Draw `number` of the files that have the suffix of a photograph, by `seed`.

    Raises UserError when there are fewer.
    """
    named = [path for name, path in sorted(files.items()) if path.suffix.lower() in _SUFFIXES]
    if len(named) < number:
        raise UserError(f"{number:,} photographs are needed, and there are {len(named):,}")
    order = np.random.default_rng(seed).permutation(len(named))[:number]
    return [named[place] for place in order]


def draw_stills(names: Sequence[str], files: dict[str, Path], number: int, seed: int) -> list[str]:
    """Draw `number` of the names by `seed`, or all; a still is no copy of an animation."""
    order = np.random.default_rng(seed).permutation(len(names))
    drawn = (names[place] for place in order)
    return list(islice((name for name in drawn if _is_still(files[name])), number))


def of_packages() -> dict[str, Path]:
    """The photographs that scikit-image and scikit-learn carry, by name; UserError without them."""
    files = {}
    for photo, (package, name) in sorted({**EDITED_PHOTOS, **LONE_PHOTOS}.items()):
        module, folder = _PACKAGE_FOLDERS[package]
        spec = find_spec(module)
        if spec is None or not spec.submodule_search_locations:
            raise UserError(
                f"the package {package} with its photographs is not installed: run `make setup`, "
                "or say with PHOTOS where other photographs are"
            )
        path = Path(spec.submodule_search_locations[0], folder, name)
        files[f"{photo}{path.suffix}"] = path
    return files


def opened(path: Path) -> Image.Image:
    """The picture in a file, upright, in mode RGB."""
    with Image.open(path) as image:
        return to_rgb(ImageOps.exif_transpose(image))


def digest_of(names: Sequence[str], files: dict[str, Path]) -> str:
    """A digest of the names, sizes and times of files, which changes when a file does."""
    stats = ((name, files[name].stat()) for name in names)
    text = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_still(path: Path) -> bool:
    with Image.open(path) as image:
        return getattr(image, "n_frames", 1) == 1


def _look(path: Path) -> tuple[str, str]:
    """Why a file is left out, empty if it is not, and the digest of its bytes."""
    try:
        data = path.read_bytes()
        size = opened(path).size
    except Exception:  # codecs raise what they like on bad bytes
        return "unreadable", ""
    return "small" if min(size) < LEAST_SIDE else "", hashlib.sha256(data).hexdigest()
