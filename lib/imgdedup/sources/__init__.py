"""Reading the bytes of an image by its uri: a local path, file://, an object store, or http.

Object stores are reached through Arrow's file systems, which find their credentials where the
vendors' own tools do: s3:// (s3a:// and s3n:// mean the same), gs://, abfs[s]://, hdfs://.
"""

from imgdedup.sources.local import local_path, open_path
from imgdedup.sources.reader import Reader, read_bytes, reader_of
from imgdedup.sources.stores import object_store

__all__ = ["Reader", "local_path", "object_store", "open_path", "read_bytes", "reader_of"]
