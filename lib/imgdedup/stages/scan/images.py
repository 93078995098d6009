"""The rows of a manifest that is made from a folder or prefix of images."""

import os
from pathlib import Path
from urllib.parse import quote_from_bytes

import pyarrow as pa

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing, UserError
from imgdedup.sources import local_path
from imgdedup.stages.scan.folders import Tree

LISTING = pa.schema([("image_id", pa.string()), ("uri", pa.string())])


def listing(tree: Tree, config: ScanConfig) -> pa.Table:
    """One row per file: the columns of LISTING, ordered by `image_id`, the path below the folder.

    Files of every kind are listed, so that no image is left out because of its name. A file that is
    no image becomes a row with a failure. Raises Missing when there is no file, and UserError when
    two files would have one id.
    """
    if not tree.names:
        raise Missing(f"there is no file in {tree.location}: nothing to look at")
    folder = local_path(tree.location)
    if folder is None:
        base = tree.location.rstrip("/")
        return pa.table([tree.names, [f"{base}/{name}" for name in tree.names]], schema=LISTING)
    ids = [_text(name) for name in tree.names]
    if len(set(ids)) < len(ids):
        raise UserError(f"{folder} has file names that differ only in bytes that are not UTF-8")
    base = Path(os.path.abspath(folder)).as_uri().rstrip("/")
    uris = [
        f"{base}{_mark(tree, name, config)}{quote_from_bytes(os.fsencode(name))}"
        for name in tree.names
    ]
    return pa.table([ids, uris], schema=LISTING).sort_by("image_id")


def _mark(tree: Tree, name: str, config: ScanConfig) -> str:
    """Mark a link as belonging to the folder: reading it must not lead out of the folder."""
    return "/./" if name in tree.links and not config.follow_links_outside else "/"


def _text(name: str) -> str:
    """A file name as text; bytes that are not UTF-8 become backslash escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
