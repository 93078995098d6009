"""Objects of a store by their uris: what they hold, copies and deletions. All raise OSError."""

import hashlib
from collections.abc import Hashable

from pyarrow import fs

from imgdedup.sources import object_store

_PIECE = 1 << 20  # bytes per read
# What stores tell of the version of an object, in the words of S3 and Azure, and of Google.
_VERSION = ("ETag", "Last-Modified", "generation")


def digest_of(uri: str) -> str:
    """The SHA-256 of the bytes of an object."""
    system, key = object_store(uri)
    digest = hashlib.sha256()
    with system.open_input_stream(key, compression=None) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def identity(uri: str) -> Hashable:
    """What changes with the bytes of an object."""
    system, key = object_store(uri)
    with system.open_input_file(key) as file:
        told = file.metadata() or {}
        return file.size(), *(told.get(name) for name in _VERSION)


def exists(uri: str) -> bool:
    """Whether there is an object."""
    return bool(_info(uri).type == fs.FileType.File)


def copy(uri: str, target: str) -> None:
    """Copy an object within its store, by the store itself where that is possible."""
    system, key = object_store(uri)
    _, other = object_store(target)
    system.copy_file(key, other)


def delete(uri: str) -> None:
    """Delete an object."""
    system, key = object_store(uri)
    system.delete_file(key)


def _info(uri: str) -> fs.FileInfo:
    system, key = object_store(uri)
    return system.get_file_info(key)
