"""The demo's corpus: real photographs, edited copies of them and broken files, over some days.

The packages scikit-image and scikit-learn carry the photographs. `truth.parquet` says what each
file is, so that the results of a run can be compared with it.

    <folder>/2026-01-01/astronaut/original.jpg      one folder per day, and in it one per photograph
    <folder>/2026-01-03/astronaut/crop.jpg
    <folder>/2026-01-02/broken/truncated.jpg
    <folder>/truth.parquet

The files are the same, byte for byte, for one seed and one version of the packages.
"""

import io
import shutil
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.random import Generator
from PIL import Image

from imgdedup import __version__
from imgdedup.corpora.edits import EVERYDAY, PNG, fit, jpeg
from imgdedup.errors import UserError

TRUTH = "truth.parquet"
ORIGINAL = "original"
COPY = "copy"
BROKEN = "broken"
LONG_SIDE = 640  # pixels, of an original; an edit at most doubles it

# The folder of the pictures within each package.
_PACKAGES = {"scikit-image": ("skimage", "data"), "scikit-learn": ("sklearn", "datasets/images")}

# Each of these gets every edit.
EDITED_PHOTOS = {
    "astronaut": ("scikit-image", "astronaut.png"),
    "brick": ("scikit-image", "brick.png"),
    "camera": ("scikit-image", "camera.png"),
    "cat": ("scikit-image", "chelsea.png"),
    "china": ("scikit-learn", "china.jpg"),
    "coffee": ("scikit-image", "coffee.png"),
    "coins": ("scikit-image", "coins.png"),
    "flower": ("scikit-learn", "flower.jpg"),
    "grass": ("scikit-image", "grass.png"),
    "gravel": ("scikit-image", "gravel.png"),
    "hubble": ("scikit-image", "hubble_deep_field.jpg"),
    "moon": ("scikit-image", "moon.png"),
    "motorcycle": ("scikit-image", "motorcycle_left.png"),
    "retina": ("scikit-image", "retina.jpg"),
    "rocket": ("scikit-image", "rocket.jpg"),
}
# Nothing may be paired with these. The second motorcycle is the hard case: the
# same scene, taken at the same moment by the other camera of a stereo pair.
LONE_PHOTOS = {
    "cell": ("scikit-image", "cell.png"),
    "clock": ("scikit-image", "clock_motion.png"),
    "handwriting": ("scikit-image", "text.png"),
    "motorcycle-stereo": ("scikit-image", "motorcycle_right.png"),
    "page": ("scikit-image", "page.png"),
    "tissue": ("scikit-image", "ihc.png"),
}


@dataclass(frozen=True)
class Truth:
    """What one file of the corpus is."""

    dt: str  # the day's folder
    image_id: str  # path within it; no two days share one
    photo: str | None  # the photograph it shows, the same for all its copies; null: broken
    edit: str  # ORIGINAL, COPY, BROKEN or a name in EVERYDAY
    amount: str  # of the edit, in words
    failure: str | None  # the code a run must report for the file
    size_bytes: int


def ensure(folder: Path, days: Sequence[str], seed: int = 0) -> list[Truth]:
    """Build the corpus in `folder` unless it is there, complete and of this recipe.

    Raises UserError when the packages are missing, or the folder holds something else or cannot
    be written.
    """
    try:
        return _ensure(folder, days, seed)
    except OSError as error:
        raise UserError(
            f"cannot write the demo's photographs to {folder}: {error.strerror or error}"
        ) from error


def load(folder: Path) -> list[Truth]:
    """Read the truth table of a corpus."""
    return [Truth(**row) for row in pq.ParquetFile(folder / TRUTH).read().to_pylist()]


def _ensure(folder: Path, days: Sequence[str], seed: int) -> list[Truth]:
    recipe = _recipe(days, seed)
    if (folder / TRUTH).exists():
        if _is_complete(folder, recipe):
            return load(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise UserError(
            f"{folder} holds something other than the demo's photographs: "
            "choose another output folder, or move it away"
        )
    return _build(folder, days, seed, recipe)


def _build(
    folder: Path, days: Sequence[str], seed: int, recipe: Mapping[bytes, bytes]
) -> list[Truth]:
    partial = folder.with_name(f".{folder.name}.partial")  # renamed at the end: all or nothing
    shutil.rmtree(partial, ignore_errors=True)
    truths = []
    for truth, content in _files(days, seed):
        path = partial / truth.dt / truth.image_id
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        truths.append(truth)
    table = pa.Table.from_pylist([asdict(truth) for truth in truths])
    pq.write_table(table.replace_schema_metadata(dict(recipe)), partial / TRUTH)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return truths


def _recipe(days: Sequence[str], seed: int) -> dict[bytes, bytes]:
    """Everything that the files depend on, as Parquet metadata."""
    packages = {name: version(name) for name in ("numpy", "pillow")}
    recipe = {"imgdedup": __version__, "seed": str(seed), "days": " ".join(days)} | packages
    return {key.encode(): value.encode() for key, value in recipe.items()}


def _is_complete(folder: Path, recipe: Mapping[bytes, bytes]) -> bool:
    try:
        metadata = pq.read_schema(folder / TRUTH).metadata or {}
        if any(metadata.get(key) != value for key, value in recipe.items()):
            return False
        expected = {folder / row.dt / row.image_id: row.size_bytes for row in load(folder)}
    except (OSError, pa.ArrowException, TypeError):
        return False
    found = {path: path.stat().st_size for path in folder.glob("*/**/*") if path.is_file()}
    return found == expected


def _files(days: Sequence[str], seed: int) -> Iterator[tuple[Truth, bytes]]:
    for number, (photo, source) in enumerate(EDITED_PHOTOS.items()):
        yield from _family(photo, _photograph(*source), number, days, seed)
    for number, (photo, source) in enumerate(LONE_PHOTOS.items()):
        content = jpeg(95).encode(_photograph(*source))
        yield _file(days[number % len(days)], photo, ORIGINAL, ".jpg", content)
    broken = _broken(_photograph(*EDITED_PHOTOS["coffee"]), _generator(seed, BROKEN))
    for number, (name, failure, content) in enumerate(broken):
        dt = days[number % len(days)]
        yield Truth(dt, f"{BROKEN}/{name}", None, BROKEN, "", failure, len(content)), content


def _family(
    photo: str, picture: Image.Image, number: int, days: Sequence[str], seed: int
) -> Iterator[tuple[Truth, bytes]]:
    """An original and its copies, spread over the days so that every two days have pairs."""
    original = jpeg(95).encode(picture)
    picture = Image.open(io.BytesIO(original))  # copies are made from the file, not from its source
    yield _file(days[number % len(days)], photo, ORIGINAL, ".jpg", original)
    # Some photographs have their byte copy on the original's day, others on another day.
    shift = number // len(days)
    yield _file(days[(number + shift) % len(days)], photo, COPY, ".jpg", original)
    for place, (name, edit) in enumerate(EVERYDAY.items()):
        edited = edit(picture, _generator(seed, f"{photo}/{name}"))
        content = edited.encoding.encode(edited.image)
        dt = days[(number + place) % len(days)]
        yield _file(dt, photo, name, edited.encoding.suffix, content, edited.amount)


def _file(
    dt: str, photo: str, edit: str, suffix: str, content: bytes, amount: str = ""
) -> tuple[Truth, bytes]:
    return Truth(dt, f"{photo}/{edit}{suffix}", photo, edit, amount, None, len(content)), content


def _generator(seed: int, name: str) -> Generator:
    """A generator of its own for each file, so that a new edit leaves the others as they were."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _photograph(package: str, name: str) -> Image.Image:
    """Read a photograph out of an installed package, fitted to LONG_SIDE, as RGB or L."""
    module, folder = _PACKAGES[package]
    spec = find_spec(module)  # finds the package without importing it
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"the demo's photographs come with the package {package}, which is not installed: "
            "run `make setup`, or pip install 'imgdedup[demo]'"
        )
    path = Path(spec.submodule_search_locations[0], folder, name)
    try:
        with Image.open(path) as image:
            return fit(image.convert("L" if image.mode == "L" else "RGB"), LONG_SIDE)
    except FileNotFoundError:
        raise UserError(
            f"the installed {package} {version(package)} does not carry the photograph {name}: "
            "install the version that requirements.lock names"
        ) from None


def _broken(picture: Image.Image, rng: Generator) -> Iterator[tuple[str, str, bytes]]:
    """Name, expected failure and bytes of files that cannot be read as images."""
    photo, lossless = jpeg(90).encode(picture), PNG.encode(picture)
    half = len(lossless) // 2
    yield "truncated.jpg", "truncated", photo[: len(photo) * 2 // 3]
    yield "truncated-early.jpg", "truncated", photo[: len(photo) // 5]
    yield "zero-filled.png", "corrupt", lossless[:half] + bytes(half)
    yield "empty.jpg", "empty", b""
    yield "text.jpg", "not_an_image", b"This is a line of text, not a picture.\n"
    yield "error-page.jpg", "not_an_image", b"<!doctype html><title>404 Not Found</title>\n"
    yield "random.jpg", "not_an_image", rng.bytes(4096)
    yield "bomb.png", "decompression_bomb", _huge_png(side=60_000)


def _huge_png(side: int) -> bytes:
    """A PNG of a few dozen bytes that claims `side` x `side` RGB pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0")
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )
