"""What one worker does: reads, hashes, decodes and embeds the images of a partition.

Threads read, decode and find local features ahead of the network, so that it does not wait.
"""

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd
from pyspark.sql.types import BooleanType, DoubleType, StructField, StructType

from imgdedup.config import EmbedConfig
from imgdedup.encoder import Encoder
from imgdedup.errors import ImageFailure
from imgdedup.geometry.aggregate import builtin_codebook
from imgdedup.geometry.features import extract
from imgdedup.images.decode import Decoded, Decoder, decoder_of
from imgdedup.images.prefetch import map_ahead
from imgdedup.lake.schemas import EMBEDDINGS
from imgdedup.relations.prefixes import NO_PREFIXES, holds
from imgdedup.sources import NO_FILE, File, Place, Reader, reader_of
from imgdedup.stages.embed.reuse import Known

FROM_MANIFEST = ("image_id", "uri")
_FOR_THE_RUN = [
    StructField("reused", BooleanType()),
    StructField("model_seconds", DoubleType()),
    StructField("task_seconds", DoubleType()),
]
EMBEDDED = StructType(
    [field for field in EMBEDDINGS.fields if field.name not in (*FROM_MANIFEST, "decoder")]
    + _FOR_THE_RUN
)


# A transparent picture that shows on two grounds has one embedding and one local descriptor, near
# those of its copies on either ground. The first ground counts more: most copies lie on it.
_OF_FIRST, _OF_SECOND = 2 / 3, 1 / 3


@dataclass(frozen=True)
class Local:
    """The local features of an image, as `Features.to_bytes` gives them, and their aggregate."""

    features: bytes
    descriptor: bytes  # int8
    second: bytes | None = None  # the features on the second ground of a transparent picture

    @staticmethod
    def of(luma: np.ndarray, second: np.ndarray | None = None) -> "Local":
        """Look for the features of a picture, uint8, (height, width), on one ground or on two."""
        found = extract(luma)
        descriptor, packed = builtin_codebook().aggregate(found), found.to_bytes(max(luma.shape))
        if second is None:
            return Local(packed, descriptor.tobytes())
        others = extract(second)
        mean = np.round(_mean(descriptor, builtin_codebook().aggregate(others))).astype(np.int8)
        return Local(packed, mean.tobytes(), others.to_bytes(max(second.shape)))


@dataclass(frozen=True)
class ReadImage:
    """One image after reading and decoding.

    `decoded` and `local` go together. A known content has neither of them, and no `failure`.
    """

    content_id: str | None = None
    size_bytes: int | None = None
    place: Place | None = None
    decoded: Decoded | None = None
    local: Local | None = None
    failure: ImageFailure | None = None


def embed_images(
    images: Iterable[tuple[str, bytes | None]],
    encoders: Sequence[Encoder],
    threads: int,
    config: EmbedConfig,
    known: Known,
) -> Iterator[pd.DataFrame]:
    """Embed images (`uri`, and the bytes or None): tables of EMBEDDED, in the order of the images.

    `threads` read and decode ahead. One thread for each device encodes. Contents that are `known`
    are neither decoded nor embedded.
    """
    size = encoders[0].batch_size
    decoder, reader = decoder_of(config, encoders[0].side), reader_of(config)
    prefixes = known.by(model_of(encoders[0]))
    cv2.setNumThreads(1)  # the threads below share the cores

    def read(image: tuple[str, bytes | None]) -> ReadImage:
        return read_image(*image, decoder, reader, prefixes)

    def encode(
        numbered: tuple[int, list[ReadImage]],
    ) -> tuple[list[ReadImage], np.ndarray, float, str]:
        number, batch = numbered
        encoder = encoders[number % len(encoders)]
        started = time.perf_counter()
        vectors = _vectors(encoder, [image.decoded for image in batch if image.decoded is not None])
        return batch, vectors, time.perf_counter() - started, model_of(encoder)

    with ThreadPoolExecutor(threads) as readers, ThreadPoolExecutor(len(encoders)) as devices:
        reads = map_ahead(readers, read, images, window=2 * size * len(encoders))
        batches = enumerate(in_batches(reads, size))
        started = time.perf_counter()
        for batch, vectors, seconds, model in map_ahead(
            devices, encode, batches, window=len(encoders)
        ):
            now = time.perf_counter()
            yield _table(batch, vectors, model, seconds / len(encoders), now - started)
            started = now


def _vectors(encoder: Encoder, images: Sequence[Decoded]) -> np.ndarray:
    """The embeddings of decoded images, float32, (n, dims)."""
    if not images:
        return np.empty((0, 0), np.float32)
    seconds = [image.second.square for image in images if image.second is not None]
    squares, size = [image.square for image in images] + seconds, encoder.batch_size
    parts = [encoder.encode(squares[at : at + size]) for at in range(0, len(squares), size)]
    vectors = np.concatenate(parts)
    first, others = vectors[: len(images)], iter(vectors[len(images) :])
    for place, image in enumerate(images):
        if image.second is not None:
            first[place] = _mean(first[place], next(others))
    return first


def _mean(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.float32(_OF_FIRST) * first + np.float32(_OF_SECOND) * second


def model_of(encoder: Encoder) -> str:
    """The fingerprint of all that decides an embedding and a local descriptor."""
    return f"{encoder.fingerprint}-{builtin_codebook().fingerprint}"


def in_batches(reads: Iterable[ReadImage], size: int) -> Iterator[list[ReadImage]]:
    """Batches of up to `size` decoded images, and of up to 2 * `size` images in all."""
    batch: list[ReadImage] = []
    decoded = 0
    for image in reads:
        batch.append(image)
        decoded += image.decoded is not None
        if decoded == size or len(batch) == 2 * size:
            yield batch
            batch, decoded = [], 0
    if batch:
        yield batch


def read_image(
    uri: str,
    content: bytes | None,
    decoder: Decoder,
    reader: Reader,
    known: np.ndarray = NO_PREFIXES,
) -> ReadImage:
    """Read, hash and decode one image. The result holds a failure, if there is one."""
    read = ReadImage()
    try:
        file = reader.fetch(uri) if content is None else _carried(content, reader.max_bytes)
        digest = hashlib.sha256(file.data)
        read = ReadImage(digest.hexdigest(), len(file.data), file.place)
        if holds(known, digest.digest()):
            return read
        decoded = decoder.decode(file.data)
        second = decoded.second.luma if decoded.second else None
        return replace(read, decoded=decoded, local=Local.of(decoded.luma, second))
    except ImageFailure as failure:
        return replace(read, failure=failure)


def _carried(content: bytes, max_bytes: int) -> File:
    """The bytes that a manifest carries: its uri need not lead to them."""
    if not content:
        raise ImageFailure("empty", "0 bytes in the content column")
    if len(content) > max_bytes:
        raise ImageFailure("too_large", f"{len(content):,} bytes")
    return File(content, NO_FILE)


def _table(
    batch: list[ReadImage], vectors: np.ndarray, model: str, model_seconds: float, seconds: float
) -> pd.DataFrame:
    """Rows of `EMBEDDED` for one batch; `vectors` (n, dims) are those of its decoded images."""
    remaining = iter(vectors)
    rows = []
    for image in batch:
        decoded, local, failure = image.decoded, image.local, image.failure
        rows.append(
            {
                "content_id": image.content_id,
                "size_bytes": image.size_bytes,
                "file_key": image.place.key if image.place else None,
                "inode": image.place.inode if image.place else None,
                "is_link": image.place.is_link if image.place else None,
                "format": decoded.format if decoded else None,
                "width": decoded.width if decoded else None,
                "height": decoded.height if decoded else None,
                "frames": decoded.frames if decoded else None,
                "has_alpha": decoded.has_alpha if decoded else None,
                "detail": decoded.marks.detail if decoded else None,
                "bars": decoded.marks.bars if decoded else None,
                "tones": decoded.marks.tones if decoded else None,
                "quality": decoded.marks.quality if decoded else None,
                "embedding": next(remaining) if decoded else None,
                "local": local.descriptor if local else None,
                "features": local.features if local else None,
                "thumbnail": decoded.thumbnail if decoded else None,
                "second_thumbnail": decoded.second.thumbnail
                if decoded and decoded.second
                else None,
                "second_features": local.second if local else None,
                "failure": failure.code if failure else None,
                "failure_detail": failure.detail[:500] if failure else None,
                "model": model,
                "reused": decoded is None and failure is None,
                "model_seconds": model_seconds / len(batch),
                "task_seconds": seconds / len(batch),
            }
        )
    table = pd.DataFrame(rows, columns=[field.name for field in EMBEDDED.fields])
    whole = dict.fromkeys(("width", "height", "frames", "tones", "quality"), "Int32")
    real = dict.fromkeys(("detail", "bars"), "Float64")
    return table.astype(whole | real | {"size_bytes": "Int64", "has_alpha": "boolean"})
