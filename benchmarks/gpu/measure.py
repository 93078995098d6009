"""The rates of one worker: decoding alone, encoding alone, and both as the stage `embed` does."""

import gc
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from imgdedup.config import EmbedConfig
from imgdedup.encoder import Encoder
from imgdedup.errors import UserError
from imgdedup.images.decode import decoder_of
from imgdedup.sources import reader_of
from imgdedup.stages.embed.embedding import default_factory
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.embed.worker import embed_images, read_image

_WARM = 3  # passes before the clock starts: the first one chooses kernels


@dataclass(frozen=True)
class Rates:
    """Images per second of one worker with one batch size."""

    batch: int
    encoding: float
    together: float

    def share(self, decoding: float) -> float:
        """The rate of both at once, as a share of the slower of the two alone."""
        return self.together / min(decoding, self.encoding)


@dataclass(frozen=True)
class Measured:
    """What was measured: `decoding` gives images per second by the number of threads."""

    model: str
    side: int  # pixels of the network's input
    decoding: dict[int, float]
    rates: tuple[Rates, ...]

    @property
    def fastest_decoding(self) -> float:
        """Images per second with all threads that are used together with the network."""
        return self.decoding[max(self.decoding)]


def measure(
    files: Sequence[Path],
    gpus: Sequence[str],
    batches: Sequence[int],
    threads: int,
    config: EmbedConfig,
) -> Measured:
    """Measure with one device: a GPU of `gpus`, or the CPU when there is none.

    Raises UserError when no file can be decoded, or the device is missing.
    """
    cv2.setNumThreads(1)  # as in the stage: the threads share the cores
    uris = [file.resolve().as_uri() for file in files]
    encoders = [
        default_factory(replace(config, batch_size=batch)).create(gpus[:1], threads)[0]
        for batch in batches
    ]
    side = encoders[0].side
    squares = _squares(uris, side, threads, config)
    counts = sorted({1, max(1, threads // 4), max(1, threads // 2), threads})
    decoding = {count: _decoding(uris, side, count, config) for count in counts}
    rates = tuple(
        Rates(
            encoder.batch_size,
            _encoding(encoder, squares),
            _together(encoder, uris, threads, config),
        )
        for encoder in encoders
    )
    return Measured(encoders[0].fingerprint, side, decoding, rates)


def _squares(uris: Sequence[str], side: int, threads: int, config: EmbedConfig) -> list[np.ndarray]:
    """What the network gets of the files that can be decoded; the files are in memory then."""
    decoder, reader = decoder_of(config, side), reader_of(config)
    with ThreadPoolExecutor(threads) as pool:
        images = pool.map(lambda uri: read_image(uri, None, decoder, reader), uris)
        squares = [image.decoded.square for image in images if image.decoded is not None]
    if not squares:
        raise UserError("no photograph can be decoded")
    return squares


def _decoding(uris: Sequence[str], side: int, threads: int, config: EmbedConfig) -> float:
    decoder, reader = decoder_of(config, side), reader_of(config)
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        done = sum(1 for _ in pool.map(lambda uri: read_image(uri, None, decoder, reader), uris))
        return done / (time.perf_counter() - started)


def _encoding(encoder: Encoder, squares: Sequence[np.ndarray]) -> float:
    """The rate of full passes over at least as many images as there are."""
    size = encoder.batch_size
    repeated = (list(squares) * (size // len(squares) + 1))[
        : max(size, len(squares) // size * size)
    ]
    for _ in range(_WARM):
        encoder.encode(repeated[:size])
    started = time.perf_counter()
    for place in range(0, len(repeated), size):
        encoder.encode(repeated[place : place + size])
    return len(repeated) / (time.perf_counter() - started)


def _together(encoder: Encoder, uris: Sequence[str], threads: int, config: EmbedConfig) -> float:
    gc.collect()
    images = [(uri, None) for uri in uris]
    started = time.perf_counter()
    done = sum(len(table) for table in embed_images(images, [encoder], threads, config, Known()))
    return done / (time.perf_counter() - started)
