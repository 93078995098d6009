"""The projection that is pinned under a root, and the next projection while a refit lasts.

A refit pins the next projection. From then on index and search work with the next projection. The
search that has asked for all contents again lets the next projection replace the current one.
"""

import numpy as np
from pyspark.sql import Row
from pyspark.sql.types import (
    BinaryType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
)

from imgdedup.errors import UserError
from imgdedup.lake import Lake, Staged
from imgdedup.space.projection import Part, Projection

_CURRENT, _NEXT = "projection/current", "projection/next"
_SCHEMA = StructType(
    [
        StructField("model", StringType()),
        StructField("mean", BinaryType()),
        StructField("components", BinaryType()),
        StructField("background", BinaryType()),
        StructField("dims", IntegerType()),
        StructField("threshold", DoubleType()),
        StructField("fitted_images", LongType()),
        StructField("expected_images", LongType()),
        StructField("local_mean", BinaryType()),
        StructField("local_components", BinaryType()),
        StructField("weight", DoubleType()),
    ]
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


def publish_projection(lake: Lake, projection: Projection) -> None:
    """Pin a projection: the first of a root as the current one, a later one as the next."""
    network, local = projection.network, projection.local
    row = {
        "model": projection.model,
        "mean": _packed(network.mean),
        "components": _packed(network.components),
        "background": _packed(projection.background),
        "dims": projection.dims,
        "threshold": float(projection.threshold),
        "fitted_images": projection.fitted_images,
        "expected_images": projection.expected_images,
        "local_mean": _packed(local.mean if local else None),
        "local_components": _packed(local.components if local else None),
        "weight": float(projection.weight),
    }
    name = _CURRENT if read_projection(lake) is None else _NEXT
    lake.publish(lake.stage_state(name, lake.frame([row], _SCHEMA)))


def is_refitting(lake: Lake) -> bool:
    """Tell whether a refit waits until all contents have been asked for again."""
    return lake.read_state(_NEXT) is not None


def stage_switch(lake: Lake) -> Staged:
    """Stage the end of a refit: the next projection replaces the current one."""
    return lake.stage_rename(_NEXT, _CURRENT)


def _packed(array: np.ndarray | None) -> bytes | None:
    return None if array is None else array.astype("<f4").tobytes()


def _unpacked(row: Row) -> Projection:
    # A lake of an earlier version has no such column.
    has_local = row.asDict().get("local_mean") is not None
    return Projection(
        row.model,
        _part(row.mean, row.components),
        _part(row.local_mean, row.local_components) if has_local else None,
        row.weight if has_local else 0.0,
        np.frombuffer(row.background, "<f4").reshape(-1, row.dims),
        row.threshold,
        row.fitted_images,
        row.expected_images,
    )


def _part(mean: bytes, components: bytes | None) -> Part:
    values = np.frombuffer(mean, "<f4")
    if components is None:
        return Part(values, None)
    return Part(values, np.frombuffer(components, "<f4").reshape(len(values), -1))
