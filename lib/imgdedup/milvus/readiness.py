"""Waits until a server answers from the index of a collection.

A server builds an index after a flush, and loads it later still. Meanwhile it answers from an index
of its own that misses every tenth neighbour, whatever the search asks for.
"""

import time
from collections.abc import Callable
from typing import Any

from pymilvus import MilvusClient

from imgdedup.console import say
from imgdedup.errors import TryAgain
from imgdedup.milvus.names import VECTOR

# A segment of fewer rows gets no index, and its answers are exact.
_INDEXED_FROM = 1024
_PATIENCE = 60.0  # seconds from a built index to its use, before the collection is loaded again
_PAUSE = 0.5  # seconds between two questions
_SAY_EVERY = 15.0  # seconds between two lines


def await_index(
    client: MilvusClient, name: str, load_again: Callable[[], None], timeout: float
) -> None:
    """Wait until the index of a loaded collection is built and in use.

    Raises TryAgain when it is not built within `timeout` seconds.
    """
    started = said = time.monotonic()
    while pending := _pending(client, name):
        now = time.monotonic()
        if now > started + timeout:
            raise TryAgain(
                f"Milvus has not indexed {pending:,} vectors of {name} after {timeout:g} s "
                "(milvus.import_timeout): run index again, which waits for it"
            )
        if now > said + _SAY_EVERY:
            said = now
            say(f"index: Milvus still indexes {pending:,} vectors")
        time.sleep(_PAUSE)
    ends = time.monotonic() + _PATIENCE
    while not _is_in_use(client, name):
        if time.monotonic() > ends:
            load_again()
            return
        time.sleep(_PAUSE)


def _pending(client: MilvusClient, name: str) -> int:
    return int(client.describe_index(name, VECTOR).get("pending_index_rows") or 0)


def _is_in_use(client: MilvusClient, name: str) -> bool:
    """Whether the server has loaded all rows, and each large segment with its index."""
    rows = int(client.describe_index(name, VECTOR).get("total_rows") or 0)
    if rows < _INDEXED_FROM:
        return True
    server: Any = client._get_connection()
    loaded = server.get_query_segment_info(name)
    large = [segment for segment in loaded if segment.num_rows >= _INDEXED_FROM]
    return sum(segment.num_rows for segment in loaded) >= rows and all(
        segment.index_name for segment in large
    )
