"""The projection of a root, kept under it: the current one, and the next while a refit lasts.

A refit writes the next one. From then on index and search work with it, and at the end of the
search that has asked all contents anew it takes the place of the current one.
"""

import numpy as np
from pyspark.sql import Row, SparkSession

from imgdedup.datasets import Lake, Staged
from imgdedup.errors import UserError
from imgdedup.projection import Projection

_CURRENT, _NEXT = "projection/current", "projection/next"
_SCHEMA = (
    "model STRING, mean BINARY, components BINARY, background BINARY, dims INT, "
    "threshold DOUBLE, fitted_images LONG, expected_images LONG"
)


def working(lake: Lake) -> Projection | None:
    """The projection to work with: the next one if there is one, else the current one."""
    for name in (_NEXT, _CURRENT):
        kept = lake.read_state(name)
        if kept is not None:
            return _projection(kept.collect()[0])
    return None


def required(lake: Lake, model: str) -> Projection:
    """The projection to work with, for embeddings of `model`; UserError if there is none."""
    projection = working(lake)
    if projection is None:
        raise UserError(f"there is no projection under {lake.root}: run the stage fit first")
    check_model(projection, model)
    return projection


def check_model(projection: Projection, model: str) -> None:
    """Raise UserError unless the projection was fitted on embeddings of `model`."""
    if projection.model != model:
        raise UserError(
            f"the projection was fitted on embeddings of {projection.model}, and these are of "
            f"{model}: fit anew (parameter refit of the DAG, make run REFIT=1)"
        )


def keep(spark: SparkSession, lake: Lake, projection: Projection) -> None:
    """Keep a projection: the first of a root as the current one, a further one as the next."""
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
    first = working(lake) is None
    name = _CURRENT if first else _NEXT
    lake.publish(lake.stage_state(name, spark.createDataFrame([row], _SCHEMA)))


def switching(lake: Lake) -> bool:
    """Tell whether a refit waits for all contents to be asked anew."""
    return lake.read_state(_NEXT) is not None


def switched(lake: Lake) -> Staged:
    """Let the next projection take the place of the current one, once it is published."""
    return lake.rename_state(_NEXT, _CURRENT)


def _packed(array: np.ndarray) -> bytearray:
    return bytearray(array.astype("<f4").tobytes())


def _projection(row: Row) -> Projection:
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
