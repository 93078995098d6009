"""Waits until a Milvus server answers from the index of a collection."""

import time
from contextlib import closing
from typing import Any

from pymilvus import MilvusClient

_PATIENCE = 7200.0  # seconds to build an index
_PAUSE = 0.5
_VECTOR = "vector"


def await_index(uri: str, collection: str, vectors: int) -> tuple[float, int]:
    """Wait until `vectors` are indexed, and load them anew; the seconds, and the segments.

    The server may answer from an index of its own until then. A query asks each segment, which is a
    part that is indexed apart. TimeoutError when the index is not built in time.
    """
    began = time.monotonic()
    with closing(MilvusClient(uri=uri, timeout=600.0)) as client:
        while not _is_built(told := client.describe_index(collection, _VECTOR), vectors):
            if time.monotonic() > began + _PATIENCE:
                raise TimeoutError(f"no index after {_PATIENCE:.0f} s: {told}")
            time.sleep(_PAUSE)
        client.release_collection(collection)
        client.load_collection(collection)
        server: Any = client._get_connection()
        loaded = server.get_query_segment_info(collection)
        return time.monotonic() - began, sum(1 for each in loaded if each.num_rows)


def _is_built(told: Any, vectors: int) -> bool:
    return int(told["indexed_rows"]) >= vectors and not told["pending_index_rows"]
