"""Embeds a manifest on all workers, by a pandas UDF over its partitions.

Every manifest row becomes one row with an embedding or with a failure. A row whose content already
has an embedding is marked as reused and has neither.
"""

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from typing import Protocol

import pandas as pd
from pyspark import TaskContext
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from imgdedup.config import EmbedConfig
from imgdedup.encoder import Encoder, EncoderFactory
from imgdedup.images.decode import fingerprint
from imgdedup.sources import MEMBER_OF_ARCHIVE
from imgdedup.stages.embed.reuse import Known
from imgdedup.stages.embed.worker import EMBEDDED, FROM_MANIFEST, embed_images


class Factory(Protocol):
    """Makes the encoders of one worker process."""

    def create(self, gpus: Sequence[str], threads: int) -> Sequence[Encoder]:
        """One encoder for each of the devices."""


def embed(
    manifest: DataFrame, rows: int, config: EmbedConfig, factory: Factory, known: Known
) -> DataFrame:
    """Embed a manifest of `rows` rows: the columns of `embeddings`, `reused` and two of timing.

    An image whose content is `known` of the same model is read, but not decoded and not embedded.
    Of several equal contents that are not known, each is embedded. The timing columns divide the
    seconds of a batch among its rows. So the sum of `model_seconds` is how long the model computed,
    and the sum of `task_seconds` is how long the tasks took.
    """
    has_content = "content" in manifest.columns
    content = F.col("content") if has_content else F.lit(None).cast("binary")
    # Declared not deterministic, so that Spark does not run it once for each selected field.
    udf = F.pandas_udf(_embedder(config, factory, known), EMBEDDED).asNondeterministic()  # type: ignore[call-overload]
    spread = spread_rows(
        manifest.select(*FROM_MANIFEST, content.alias("content")),
        max(1, ceil(rows / config.rows_per_partition)),
    )
    return spread.select(*FROM_MANIFEST, udf(F.struct("uri", "content")).alias("embedded")).select(
        *FROM_MANIFEST, "embedded.*", F.lit(fingerprint(config)).alias("decoder")
    )


def spread_rows(rows: DataFrame, partitions: int) -> DataFrame:
    """Spread rows with a `uri` evenly over partitions.

    Members of one archive go to as few partitions as hold them: each process that reads a member
    first reads the headers of the archive.
    """
    if partitions == 1 or rows.where(F.col("uri").rlike(MEMBER_OF_ARCHIVE)).isEmpty():
        return rows.repartition(partitions)
    return rows.repartitionByRange(partitions, "uri").sortWithinPartitions("uri")


def default_factory(config: EmbedConfig) -> EncoderFactory:
    """The encoder that the configuration names."""
    return EncoderFactory(
        weights=config.weights,
        input_size=config.input_size,
        batch_size=config.batch_size,
        device=config.device,
        precision=config.precision,
    )


def _embedder(
    config: EmbedConfig, factory: Factory, known: Known
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    def embed_partition(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        gpus, cores = _assigned()
        encoders = _encoders_of_this_worker(factory, gpus, cores)
        threads = config.decode_threads or max(2, cores)
        images = (
            image for batch in batches for image in zip(batch.uri, batch.content, strict=True)
        )
        yield from embed_images(images, encoders, threads, config, known)

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
    """The encoders of this worker, made by its first task: Spark reuses its Python workers."""
    key = (factory, tuple(gpus), threads)
    if key not in _worker_encoders:
        _worker_encoders[key] = factory.create(gpus, threads)
    return _worker_encoders[key]
