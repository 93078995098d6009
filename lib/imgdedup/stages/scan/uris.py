"""Relative uris of a manifest, and the folder against which they are read."""

import os

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from imgdedup.sources import MEMBER_OF_ARCHIVE, SCHEME, local_path

# A scheme, an absolute path, or one of Windows, which nothing reads.
_ABSOLUTE = rf"^({SCHEME}|/|\\\\)"
# The part of a uri that names a file: all of it, or what stands before the member of an archive.
_OF_FILE = rf"(?s)^(.*?(?:{MEMBER_OF_ARCHIVE.removesuffix('#')}(?=#)|$))"


def resolve(manifest: DataFrame, base: str) -> DataFrame:
    """Give relative uris the folder `base`, a path or uri; other uris stay as they are."""
    uri = F.col("uri")
    resolved = F.when(uri.rlike(_ABSOLUTE), uri).otherwise(_below(base.rstrip("/") or "/", uri))
    return manifest.withColumn("uri", resolved)


def _below(base: str, uri: Column) -> Column:
    folder = local_path(base)
    if folder is not None:
        # The system resolves `..`, since a folder may be a link. `/./` would mark a link of a scan.
        plain = F.regexp_replace(uri, r"(^|/)(\./)+", "$1")
        above = os.path.abspath(folder.expanduser())
        return F.concat(F.lit(f"{above}/".replace("//", "/")), plain)
    scheme, _, path = base.partition("://")
    bucket, _, prefix = path.partition("/")
    own = F.regexp_extract(uri, _OF_FILE, 1)  # the member of an archive stays as it is
    steps = F.split(F.concat(F.lit(f"{prefix}/"), own), "/")
    key = F.array_join(F.reduce(steps, _none(), _step), "/")
    return F.concat(F.lit(f"{scheme}://{bucket}/"), key, F.substr(uri, F.length(own) + 1))


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
