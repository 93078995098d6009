"""`make train`: trains a ResNet-50 to know copies, on the user's photographs. No DAG stage.

python jobs/train.py --photos FOLDER_OR_MANIFEST --out FOLDER [--without FOLDERS] [--views N]
    [--start WEIGHTS] [--teacher WEIGHTS] [--last-side PIXELS] [--batch N] [--seed N]

OUT keeps the packed photographs and the checkpoint. The same command goes on from the checkpoint
after a stop. At the end OUT holds `descriptor.safetensors` for `embed.weights`, and its model card.
"""

import argparse
import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imgdedup import config, sources
from imgdedup.config import Config
from imgdedup.console import say
from imgdedup.corpora.folders import lies_in, read_folder_names
from imgdedup.encoder.training import command
from imgdedup.errors import ImageFailure, UserError
from imgdedup.geometry.aggregate import learn_codebook
from imgdedup.geometry.features import extract
from imgdedup.images.decode import Decoded, Decoder, decoder_of
from imgdedup.local.workspace import CONF
from imgdedup.stages.scan.finding import Images, Table, find
from imgdedup.stages.scan.images import listing

_LEAST_LEARNED_FROM = 10_000
_MOST_PHOTOS = 20_000  # a codebook needs no more; each takes 150 kB of memory
_MOST_CALIBRATED = 2000  # ranges of int8 need no more photographs, and
_LEAST_CALIBRATED = 100  # fewer say too little


def readers(location: str, without: Collection[str], settings: Config) -> list[Callable[[], bytes]]:
    """Return a reader of each photograph of a folder or manifest, except in folders `without`.

    Raises UserError when the folder or the manifest cannot be used.
    """
    found = find(location, "", settings.scan)
    if isinstance(found, Images):
        table = listing(found.tree, settings.scan)
    elif isinstance(found, Table):
        raise UserError(f"{location} is a table of the format {found.format}: give Parquet files")
    else:
        files = [place.path(name) for place in found.places for name in place.names]
        table = pa.concat_tables(map(pq.read_table, files), promote_options="permissive")
        missing = {"image_id", "uri"} - set(table.column_names)
        if missing:
            raise UserError(f"the manifest {location} has no column {', '.join(sorted(missing))}")
    rows = table.select(["image_id", "uri"]).sort_by("image_id").to_pylist()
    reader = sources.reader_of(settings.embed)
    return [
        partial(reader.read, row["uri"]) for row in rows if not lies_in(row["image_id"], without)
    ]


def learn() -> int:
    """`jobs/codebook.py`: learns the codebook of local features; UserError becomes status 2."""
    parser = argparse.ArgumentParser(prog="python jobs/codebook.py")
    _add_photos(parser)
    parser.add_argument("--out", required=True, type=Path, help="file for the codebook, .npz")
    arguments = parser.parse_args()
    try:
        settings = config.load(CONF, "local", {})
        units = _units(readers(arguments.photos, _without(arguments), settings), settings)
        if len(units) < _LEAST_LEARNED_FROM:
            raise UserError(
                f"the photographs have {len(units):,} local features, and a codebook needs "
                f"{_LEAST_LEARNED_FROM:,}: give a folder with more"
            )
        codebook = learn_codebook(units)
        codebook.save(arguments.out)
    except UserError as error:
        say(f"error: {error}")
        return 2
    say(f"codebook: {codebook.fingerprint}, from {len(units):,} features, in {arguments.out}")
    return 0


def _units(photos: list[Callable[[], bytes]], settings: Config) -> np.ndarray:
    """The RootSIFT descriptors, float32, (n, 128), of the photographs that can be read."""
    cv2.setNumThreads(1)  # our own threads share the cores
    found = _of_each(
        photos, _MOST_PHOTOS, decoder_of(settings.embed, 8), lambda image: extract(image.luma).unit
    )
    return np.concatenate([np.empty((0, 128), np.float32), *found])


def calibrate() -> int:
    """`jobs/calibrate.py`: measures the ranges of int8; UserError becomes status 2."""
    from imgdedup.encoder import calibration  # imports OpenVINO, which training does not need

    parser = argparse.ArgumentParser(prog="python jobs/calibrate.py")
    _add_photos(parser)
    parser.add_argument("--weights", required=True, help="a state_dict, as embed.weights")
    parser.add_argument(
        "--out", required=True, type=Path, help="<weights>.ranges.json, beside them"
    )
    arguments = parser.parse_args()
    try:
        settings = config.load(CONF, "local", {})
        loaded = calibration.load(arguments.weights)
        photos = readers(arguments.photos, _without(arguments), settings)
        squares = _squares(photos, loaded.input_size, settings)
        if len(squares) < _LEAST_CALIBRATED:
            raise UserError(
                f"there are {len(squares):,} readable photographs: calibration needs "
                f"{_LEAST_CALIBRATED}; give a folder with more"
            )
        calibration.measure(loaded, squares, os.cpu_count() or 1).save(arguments.out)
    except UserError as error:
        say(f"error: {error}")
        return 2
    say(f"calibrate: the ranges of {len(squares):,} photographs are in {arguments.out}")
    return 0


def _squares(photos: list[Callable[[], bytes]], side: int, settings: Config) -> list[np.ndarray]:
    """The photographs that can be read, as squares of `side` pixels, uint8."""
    decoder = decoder_of(settings.embed, side)
    return _of_each(photos, _MOST_CALIBRATED, decoder, lambda image: image.square)


def _of_each(
    photos: list[Callable[[], bytes]],
    most: int,
    decoder: Decoder,
    take: Callable[[Decoded], np.ndarray],
) -> list[np.ndarray]:
    """What `take` makes of each photograph that can be read.

    At most so many are read, drawn at random but always the same, in their order.
    """

    def taken(read: Callable[[], bytes]) -> np.ndarray | None:
        try:
            return take(decoder.decode(read()))
        except ImageFailure:
            return None

    order = np.random.default_rng(1).permutation(len(photos))[:most]
    chosen = [photos[number] for number in sorted(order)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [array for array in pool.map(taken, chosen) if array is not None]


def _add_photos(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--photos", required=True, help="folder of photographs, or manifest")
    parser.add_argument(
        "--without",
        metavar="FOLDERS",
        help="leave out the folder of this name, or the folders that a file names",
    )


def _without(arguments: argparse.Namespace) -> Collection[str]:
    return read_folder_names(arguments.without) if arguments.without else ()


def main() -> int:
    """Read the arguments and train; a UserError becomes one line and status 2."""
    parser = argparse.ArgumentParser(prog="python jobs/train.py")
    _add_photos(parser)
    parser.add_argument("--out", required=True, type=Path, help="folder for everything written")
    parser.add_argument("--views", type=int, default=1_000_000, help="edited pictures to train on")
    parser.add_argument("--start", default="builtin", help='"scratch", or as embed.weights')
    parser.add_argument("--teacher", default="", help="weights to imitate, as embed.weights")
    parser.add_argument(
        "--last-side",
        type=int,
        default=command.LAST_SIDE,
        help="pixels of the views in the last part",
    )
    parser.add_argument("--batch", type=int, default=256, help="photographs a step; more on a GPU")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        settings = config.load(CONF, "local", {})
        command.train(
            readers(arguments.photos, _without(arguments), settings),
            arguments.out,
            settings.embed,
            views=arguments.views,
            start=arguments.start,
            batch=arguments.batch,
            seed=arguments.seed,
            teacher=arguments.teacher,
            last_side=arguments.last_side,
        )
    except UserError as error:
        say(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        say("train: stopped; the same command goes on from the checkpoint")
        return 130
    return 0
