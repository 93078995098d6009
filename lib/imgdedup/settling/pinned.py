"""The projection that is pinned under a root, and the next projection while a refit lasts.

A refit pins the next projection. From then on index and search work with the next projection. The
search that has asked for all contents again lets the next projection replace the current one.
"""

import numpy as np
from pyspark.sql import Row, SparkSession

from imgdedup.errors import UserError
from imgdedup.lake import Lake, Staged
from imgdedup.space.projection import Projection

_CURRENT, _NEXT = "projection/current", "projection/next"
_SCHEMA = (
    "model STRING, mean BINARY, components BINARY, background BINARY, dims INT, "
    "threshold DOUBLE, fitted_images LONG, expected_images LONG"
)


def read_projection(lake: Lake) -> Projection | None:
    """The projection to work with: the next one, else the current one, else None."""
    for name in (_NEXT, _CURRENT):
        kept = lake.read_state(name)
        if kept is not None:
            return _unpacked(kept.collect()[0])
    return None


def require_projection(lake: Lake, model: str) -> Projection:
    """The projection to work with, for embeddings of `model`; UserError when there is none."""
    projection = read_projection(lake)
    if projection is None:
        raise UserError(f"there is no projection under {lake.root}: run the stage fit first")
    require_same_model(projection, model)
    return projection


def require_same_model(projection: Projection, model: str) -> None:
    """Raise UserError unless the projection was fitted on embeddings of `model`."""
    if projection.model != model:
        raise UserError(
            f"the projection was fitted on embeddings of {projection.model}, and these are of "
            f"{model}: refit (parameter refit of the DAG, make run REFIT=1)"
        )


def publish_projection(spark: SparkSession, lake: Lake, projection: Projection) -> None:
    """Pin a projection: the first of a root as the current one, a later one as the next."""
    row = (
        projection.model,
        _packed(projection.mean),
        None if projection.components is None else _packed(projection.components),
        _packed(projection.background),
        projection.dims,
        float(projection.threshold),
        projection.fitted_images,
        projection.expected_images,
    )
    name = _CURRENT if read_projection(lake) is None else _NEXT
    lake.publish(lake.stage_state(name, spark.createDataFrame([row], _SCHEMA)))


def is_refitting(lake: Lake) -> bool:
    """Tell whether a refit waits until all contents have been asked for again."""
    return lake.read_state(_NEXT) is not None


def stage_switch(lake: Lake) -> Staged:
    """Stage the end of a refit: the next projection replaces the current one."""
    return lake.stage_rename(_NEXT, _CURRENT)


def _packed(array: np.ndarray) -> bytearray:
    return bytearray(array.astype("<f4").tobytes())


def _unpacked(row: Row) -> Projection:
    mean = np.frombuffer(row.mean, "<f4")
    components = None
    if row.components is not None:
        components = np.frombuffer(row.components, "<f4").reshape(len(mean), row.dims)
    return Projection(
        row.model,
        mean,
        components,
        np.frombuffer(row.background, "<f4").reshape(-1, row.dims),
        row.threshold,
        row.fitted_images,
        row.expected_images,
    )
