"""Relative uris of a manifest, and the folder against which they are read."""

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.sources import local_path

# A scheme, an absolute path, or one of Windows, which nothing reads.
_ABSOLUTE = r"^([A-Za-z][A-Za-z0-9+.-]*:|/|\\\\)"


def resolve(manifest: DataFrame, base: str) -> DataFrame:
    """Give relative uris the folder `base`, a path or uri; other uris stay as they are."""
    uri = F.col("uri")
    resolved = F.when(uri.rlike(_ABSOLUTE), uri).otherwise(_below(base.rstrip("/"), uri))
    return manifest.withColumn("uri", resolved)


def count_relative(manifest: DataFrame) -> int:
    """How many uris of a manifest are relative."""
    return manifest.where(~F.col("uri").rlike(_ABSOLUTE)).count()


def _below(base: str, uri: Column) -> Column:
    folder = local_path(base)
    if folder is not None:
        # The system resolves `..`, since a folder may be a link. `/./` would mark a link of a scan.
        plain = F.regexp_replace(uri, r"(^|/)(\./)+", "$1")
        return F.concat(F.lit(f"{folder}/".replace("//", "/")), plain)
    scheme, _, path = base.partition("://")
    bucket, _, prefix = path.partition("/")
    steps = F.split(F.concat(F.lit(f"{prefix}/"), uri), "/")
    return F.concat(
        F.lit(f"{scheme}://{bucket}/"), F.array_join(F.reduce(steps, _none(), _step), "/")
    )


def _none() -> Column:
    return F.array().cast("array<string>")


def _step(path: Column, name: Column) -> Column:
    """A path after one more of its segments: an object store knows no `.` and `..`."""
    up = F.slice(path, 1, F.greatest(F.size(path) - 1, F.lit(0)))
    return (
        F.when(name.isin("", "."), path)
        .when(name == "..", up)
        .otherwise(F.concat(path, F.array(name)))
    )
