"""embed: read, hash, decode and embed each image of a manifest once.

Every manifest row becomes one row: with an embedding, with a failure, or, when its content is known
to have an embedding already, marked as reused and without either.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from typing import Any, Protocol

import numpy as np
import pandas as pd
from pyspark import Broadcast, TaskContext
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, StructField, StructType

from imgdedup.ahead import map_ahead
from imgdedup.config import EmbedConfig
from imgdedup.decode import Decoded, Decoder, decoder_of, fingerprint
from imgdedup.encoder import Encoder, EncoderFactory
from imgdedup.errors import UserError
from imgdedup.failures import ImageFailure
from imgdedup.reuse import NO_CONTENTS, Known, holds
from imgdedup.schemas import EMBEDDINGS
from imgdedup.sources import Reader, reader_of

_FROM_MANIFEST = ("image_id", "uri")
_FOR_THE_RUN = [
    StructField("reused", BooleanType()),
    StructField("model_seconds", DoubleType()),
    StructField("task_seconds", DoubleType()),
]
_EMBEDDED = StructType(
    [field for field in EMBEDDINGS.fields if field.name not in (*_FROM_MANIFEST, "decoder")]
    + _FOR_THE_RUN
)


class Factory(Protocol):
    """Makes the encoders of one worker process."""

    def create(self, gpus: Sequence[str], threads: int) -> Sequence[Encoder]:
        """One encoder for each of the devices."""


@dataclass(frozen=True)
class _Read:
    """One image after reading and decoding: `decoded`, or a failure, or else a known content."""

    content_id: str | None = None
    size_bytes: int | None = None
    decoded: Decoded | None = None
    failure: ImageFailure | None = None


def embed(
    manifest: DataFrame, rows: int, config: EmbedConfig, factory: Factory, known: Known
) -> DataFrame:
    """Embed a manifest of `rows` rows: the columns of `embeddings`, `reused` and two of timing.

    Images whose content is `known` of the same model are read, but neither decoded nor embedded;
    of equal contents that are not known, each is embedded. The timing columns share each batch's
    seconds among its rows, so that their sums are the seconds the model computed and the seconds
    the tasks took.
    """
    has_content = "content" in manifest.columns
    content = F.col("content") if has_content else F.lit(None).cast("binary")
    # Not deterministic, so that Spark does not run it once for each field that is selected.
    contents = manifest.sparkSession.sparkContext.broadcast(known)
    udf = F.pandas_udf(_embedder(config, factory, contents), _EMBEDDED).asNondeterministic()  # type: ignore[call-overload]
    return (
        manifest.select(*_FROM_MANIFEST, content.alias("content"))
        .repartition(max(1, ceil(rows / config.rows_per_partition)))
        .select(*_FROM_MANIFEST, udf(F.struct("uri", "content")).alias("embedded"))
        .select(*_FROM_MANIFEST, "embedded.*", F.lit(fingerprint(config)).alias("decoder"))
    )


def default_factory(config: EmbedConfig) -> EncoderFactory:
    """The encoder that the configuration names."""
    return EncoderFactory(
        weights=config.weights,
        input_size=config.input_size,
        batch_size=config.batch_size,
        device=config.device,
        precision=config.precision,
    )


def metrics() -> list[Column]:
    """Aggregates of the embedded rows, to be observed while they are written."""
    return [
        F.sum("model_seconds").alias("model_seconds"),
        F.sum("task_seconds").alias("task_seconds"),
        F.count_if(F.col("embedding").isNotNull()).alias("embedded"),
        F.count_if("reused").alias("reused"),
        F.array_sort(F.collect_set("model")).alias("models"),
    ]


def same_model(models: Sequence[str]) -> str | None:
    """The fingerprint all rows share, None for no rows; UserError when the workers differ."""
    if len(models) > 1:
        raise UserError(
            f"the executors embedded with different models ({', '.join(models)}), and their "
            "embeddings cannot be compared: let them run on machines of one kind, or set "
            "embed.device and embed.precision"
        )
    return models[0] if models else None


def failures(embeddings: DataFrame) -> dict[str, int]:
    """Rows by failure code, commonest first."""
    counts = embeddings.where("failure IS NOT NULL").groupBy("failure").count().collect()
    return {row["failure"]: row["count"] for row in sorted(counts, key=lambda r: (-r["count"], r))}


def failed_images(embeddings: DataFrame) -> DataFrame:
    """The images of a day that have a failure: `image_id`."""
    return embeddings.where("failure IS NOT NULL").select("image_id")


def healed(failed_before: DataFrame, embeddings: DataFrame) -> int:
    """How many of the images that had a failure have an embedding now."""
    fine = embeddings.where("failure IS NULL")
    return fine.join(failed_before, "image_id", "left_semi").count()


def figures(
    observed: Mapping[str, Any], failed: Mapping[str, int], healed: int
) -> dict[str, object]:
    """What an embed run reports: whence its rows are, and the model's share of the tasks' time."""
    busy, total = observed["model_seconds"] or 0.0, observed["task_seconds"] or 0.0
    return {
        "embedded": observed["embedded"],
        "reused": observed["reused"],
        "healed": healed,
        "failures": ", ".join(f"{code} {count}" for code, count in failed.items()) or "none",
        "model_share": f"{busy / total:.2f}" if total else "0",
        "model_seconds": f"{busy:.1f}",
    }


def _embedder(
    config: EmbedConfig, factory: Factory, known: Broadcast[Known]
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    def embed_partition(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        gpus, cores = _assigned()
        encoders = _encoders_of_this_worker(factory, gpus, cores)
        threads = config.decode_threads or max(2, cores)
        images = (
            image for batch in batches for image in zip(batch.uri, batch.content, strict=True)
        )
        yield from _embed_images(images, encoders, threads, config, known.value)

    return embed_partition


def _assigned() -> tuple[list[str], int]:
    """The GPU numbers and the cores that Spark gave to this task."""
    context = TaskContext.get()
    if context is None:
        raise RuntimeError("embedding runs inside a Spark task")
    gpus = context.resources().get("gpu")
    return (list(gpus.addresses) if gpus else []), context.cpus()


_worker_encoders: dict[tuple[Factory, tuple[str, ...], int], Sequence[Encoder]] = {}


def _encoders_of_this_worker(
    factory: Factory, gpus: Sequence[str], threads: int
) -> Sequence[Encoder]:
    """Spark reuses its Python workers: a model is made in a worker's first task only."""
    key = (factory, tuple(gpus), threads)
    if key not in _worker_encoders:
        _worker_encoders[key] = factory.create(gpus, threads)
    return _worker_encoders[key]


def _embed_images(
    images: Iterable[tuple[str, bytes | None]],
    encoders: Sequence[Encoder],
    threads: int,
    config: EmbedConfig,
    known: Known,
) -> Iterator[pd.DataFrame]:
    """Read and decode ahead in `threads`, encode in one thread a device, keep the order."""
    size = encoders[0].batch_size
    decoder, reader = decoder_of(config, encoders[0].side), reader_of(config)
    prefixes = known.by(encoders[0].fingerprint)

    def read(image: tuple[str, bytes | None]) -> _Read:
        return _read(*image, decoder, reader, prefixes)

    def encode(numbered: tuple[int, list[_Read]]) -> tuple[list[_Read], np.ndarray, float, str]:
        number, batch = numbered
        encoder = encoders[number % len(encoders)]
        started = time.perf_counter()
        squares = [image.decoded.square for image in batch if image.decoded is not None]
        vectors = encoder.encode(squares) if squares else np.empty((0, 0), np.float32)
        return batch, vectors, time.perf_counter() - started, encoder.fingerprint

    with ThreadPoolExecutor(threads) as readers, ThreadPoolExecutor(len(encoders)) as devices:
        reads = map_ahead(readers, read, images, window=2 * size * len(encoders))
        batches = enumerate(_in_batches(reads, size))
        started = time.perf_counter()
        for batch, vectors, seconds, model in map_ahead(
            devices, encode, batches, window=len(encoders)
        ):
            now = time.perf_counter()
            yield _table(batch, vectors, model, seconds / len(encoders), now - started)
            started = now


def _in_batches(reads: Iterable[_Read], size: int) -> Iterator[list[_Read]]:
    """Batches with up to `size` decoded images; the others ride along, at most as many again."""
    batch: list[_Read] = []
    decoded = 0
    for image in reads:
        batch.append(image)
        decoded += image.decoded is not None
        if decoded == size or len(batch) == 2 * size:
            yield batch
            batch, decoded = [], 0
    if batch:
        yield batch


def _read(
    uri: str,
    content: bytes | None,
    decoder: Decoder,
    reader: Reader,
    known: np.ndarray = NO_CONTENTS,
) -> _Read:
    content_id = size_bytes = None
    try:
        data = reader.read(uri) if content is None else _checked(content, reader.max_bytes)
        digest = hashlib.sha256(data)
        content_id, size_bytes = digest.hexdigest(), len(data)
        if holds(known, digest.digest()):
            return _Read(content_id, size_bytes)
        return _Read(content_id, size_bytes, decoder.decode(data))
    except ImageFailure as failure:
        return _Read(content_id, size_bytes, failure=failure)


def _checked(content: bytes, max_bytes: int) -> bytes:
    if not content:
        raise ImageFailure("empty", "0 bytes in the content column")
    if len(content) > max_bytes:
        raise ImageFailure("too_large", f"{len(content):,} bytes")
    return content


def _table(
    batch: list[_Read], vectors: np.ndarray, model: str, model_seconds: float, seconds: float
) -> pd.DataFrame:
    """Rows of `_EMBEDDED` for one batch; `vectors` (n, dims) are those of its decoded images."""
    remaining = iter(vectors)
    rows = []
    for image in batch:
        decoded, failure = image.decoded, image.failure
        rows.append(
            {
                "content_id": image.content_id,
                "size_bytes": image.size_bytes,
                "format": decoded.format if decoded else None,
                "width": decoded.width if decoded else None,
                "height": decoded.height if decoded else None,
                "embedding": next(remaining) if decoded else None,
                "thumbnail": decoded.thumbnail if decoded else None,
                "failure": failure.code if failure else None,
                "failure_detail": failure.detail[:500] if failure else None,
                "model": model,
                "reused": decoded is None and failure is None,
                "model_seconds": model_seconds / len(batch),
                "task_seconds": seconds / len(batch),
            }
        )
    table = pd.DataFrame(rows, columns=[field.name for field in _EMBEDDED.fields])
    return table.astype({"size_bytes": "Int64", "width": "Int32", "height": "Int32"})
