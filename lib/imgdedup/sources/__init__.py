"""Reading the bytes of an image by its uri: a local path, file://, an object store, or http.

Arrow's file systems read the object stores: s3:// (s3a:// and s3n:// mean the same), gs://,
abfs[s]://, hdfs://. They find their credentials where the vendors' own tools do. A `#` after the
name of a tar or zip begins the name of its member.
"""

from imgdedup.sources.allowed import Source, source_of
from imgdedup.sources.local import local_path, open_path
from imgdedup.sources.members import MEMBER_OF_ARCHIVE
from imgdedup.sources.places import NO_FILE, QUARANTINE, File, Place
from imgdedup.sources.reader import Reader, read_bytes, reader_of
from imgdedup.sources.schemes import SCHEME
from imgdedup.sources.stores import delta_place, object_store

__all__ = [
    "MEMBER_OF_ARCHIVE",
    "NO_FILE",
    "QUARANTINE",
    "SCHEME",
    "File",
    "Place",
    "Reader",
    "Source",
    "delta_place",
    "local_path",
    "object_store",
    "open_path",
    "read_bytes",
    "reader_of",
    "source_of",
]
