"""Measures a Milvus server by the number of vectors: filling, asking, recall and memory.

A collection is filled by upserts and asked through `milvus.client`, and another is filled by import
jobs through `milvus.loading`, as `index` and `search` do. The server and this program share the
machine. So what a request costs is told in CPU-seconds of the server.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.scale import synthetic
from imgdedup.config import Config
from imgdedup.console import say
from imgdedup.errors import UserError
from imgdedup.milvus import loading
from imgdedup.milvus.client import CollectionAddress, MilvusCollection
from imgdedup.milvus.storage import ImportStorage
from imgdedup.space.vectors import asking_form
from imgdedup.stages.search.neighbours import NeighbourQuery
from tests.external.servers import milvus, milvus_index

NEAREST = 10
_CERTIFIED = 200  # queries that recall is measured on
_QUERIES = 2048  # at most, of each way of asking
_SECONDS = 20.0  # after which no more is asked
_UPSERTED, _IMPORTED = "upserted", "imported"
_FILE = 1 << 17  # vectors in a file to import
_PATIENCE = 3600.0  # seconds for the import of all files
_MB = 1e6


@dataclass(frozen=True)
class Measured:
    """What one index over one number of vectors took.

    `server_ms` is the time that the server's processes computed for one query; `asked_ms` the same
    for all requests that a content makes in `search`: its own vector, its pages and the vectors
    of its neighbours. `client_ms` is what the asking process computed meanwhile.
    """

    index: str
    vectors: int
    upserted_a_second: float  # without the index
    filled_a_second: float  # by upserts, until the index is built and loaded
    imported_a_second: float  # from files that lie ready, until the index is built and loaded
    insert_ms: float  # CPU of the server for one vector, with its share of the index
    ready_seconds: float  # from the last insert until the index is built and loaded
    segments: int  # parts that the server indexes apart
    queries_a_second: float
    server_ms: float
    asked_ms: float
    client_ms: float
    recall: float  # of the 10 nearest
    memory_mb: float  # resident, of the server, beyond that of the empty one
    load: float  # processes that ran on the machine, over the last minute


def measure(sizes: Sequence[int], config: Config, indexes: Sequence[str]) -> Iterator[Measured]:
    """Measure the indexes at all `sizes`; UserError when no server can be started."""
    if not milvus.HAS_BINARY:
        raise UserError(milvus.WHY_NO_BINARY)
    for size in sizes:
        dims = config.fit.dims + config.fit.local_dims
        stored = synthetic.stored_vectors(size, dims, seed=0)
        for index in indexes:
            with tempfile.TemporaryDirectory(prefix="imgdedup-scale-") as folder:
                yield _measured(Path(folder), index, stored, config)
            say(f"scale: measured {index} over {size:,} vectors")


def _measured(folder: Path, index: str, stored: np.ndarray, config: Config) -> Measured:
    with milvus.running(folder / "milvus") as running:
        server = Server()
        empty = server.memory()
        address = CollectionAddress(running.uri, _IMPORTED, _IMPORTED, index, 600.0)
        importing, segments = import_all(folder, address, config, stored)
        names = synthetic.keys(len(stored))
        with closing(address.connect()) as collection:
            collection.count()  # loads the collection
            memory = server.memory() - empty
            recall, threshold = certify(collection, names, stored)
            searched = ask_all(
                asking_form(stored),
                config.search.query_batch,
                lambda some: collection.search(some, config.search.page_size),
                server,
            )
            query = NeighbourQuery(address, len(stored), threshold, config.search)
            asked = ask_all(
                names,
                config.search.query_batch,
                lambda some: [*query.find(some, collection)],
                server,
            )
            collection.drop()
        say(
            f"scale: {index} over {len(stored):,} vectors: imported in {importing:,.0f} s, recall "
            f"{recall:.4f} of the {NEAREST} nearest, "
            f"{searched.queries / searched.seconds:,.0f} queries/s"
        )
        at = replace(address, collection=_UPSERTED, family=_UPSERTED)
        before = server.cpu()
        upserting = fill(at, names, stored, config.milvus.insert_batch)
        ready, _ = milvus_index.await_index(running.uri, _UPSERTED, len(stored))
        return Measured(
            index=index,
            vectors=len(stored),
            upserted_a_second=len(stored) / upserting,
            filled_a_second=len(stored) / (upserting + ready),
            imported_a_second=len(stored) / importing,
            insert_ms=1000 * (server.cpu() - before) / len(stored),
            ready_seconds=ready,
            segments=segments,
            queries_a_second=searched.queries / searched.seconds,
            server_ms=1000 * searched.server / searched.queries,
            asked_ms=1000 * asked.server / asked.queries,
            client_ms=1000 * asked.client / asked.queries,
            recall=recall,
            memory_mb=memory / _MB,
            load=psutil.getloadavg()[0],
        )


class Clock(Protocol):
    """Tells how long a server has computed."""

    def cpu(self) -> float:
        """CPU-seconds since some moment."""


class Server:
    """The processes below this one, which are the server's."""

    def __init__(self) -> None:
        self._processes = psutil.Process().children(recursive=True)
        self._before = 0.0
        self._before = self.cpu()

    def cpu(self) -> float:
        """Their CPU-seconds since this object was made."""
        times = [each.cpu_times() for each in self._processes]
        return sum(each.user + each.system for each in times) - self._before

    def memory(self) -> int:
        """Their resident memory in bytes."""
        return sum(int(each.memory_info().rss) for each in self._processes)


def fill(address: CollectionAddress, names: Sequence[str], stored: np.ndarray, batch: int) -> float:
    """Upsert all vectors into a new collection and flush; the seconds it took."""
    with closing(address.connect()) as collection:
        collection.create(stored.shape[1])
        began = time.monotonic()
        for start in range(0, len(names), batch):
            collection.upsert(names[start : start + batch], stored[start : start + batch])
        collection.flush()
        return time.monotonic() - began


def import_all(
    folder: Path, address: CollectionAddress, config: Config, stored: np.ndarray
) -> tuple[float, int]:
    """Import all vectors; the seconds until their index is loaded, and its segments."""
    settings = replace(
        config.milvus, import_storage=str(folder / "import"), import_timeout=_PATIENCE
    )
    storage, names = ImportStorage(settings, _IMPORTED), synthetic.keys(len(stored))
    files = {}
    for start in range(0, len(names), _FILE):
        rows = slice(start, start + _FILE)
        vectors = pa.ListArray.from_arrays(
            pa.array(range(0, stored[rows].size + 1, stored.shape[1]), pa.int32()),
            pa.array(stored[rows].reshape(-1)),
        )
        batch = pa.RecordBatch.from_arrays([pa.array(names[rows]), vectors], ["key", "vector"])
        written = storage.write(iter([batch]))
        if written:
            files[written[0]] = written[1]
    with closing(address.connect()) as collection:
        collection.create(stored.shape[1])
        began = time.monotonic()
        loading.import_files(address, settings, files)
        _, segments = milvus_index.await_index(address.uri, _IMPORTED, len(stored))
        taken = time.monotonic() - began
        if collection.count() != len(stored):
            raise UserError(f"{collection.count():,} of {len(stored):,} vectors were imported")
    return taken, segments


def certify(
    collection: MilvusCollection, names: Sequence[str], stored: np.ndarray
) -> tuple[float, float]:
    """The recall of the 10 nearest, and a margin that about eight neighbours reach."""
    rows = np.random.default_rng(1).permutation(len(stored))[:_CERTIFIED]
    near, margins = synthetic.exact_neighbours(stored, rows, NEAREST)
    answers = collection.search(asking_form(stored[rows]), NEAREST + 1)
    hits = 0
    for row, others, answer in zip(rows, near, answers, strict=True):
        given = [key for key in answer.keys if key != names[row]][:NEAREST]
        hits += len({names[other] for other in others} & {*given})
    return hits / near.size, float(np.median(margins[:, 7]))


@dataclass(frozen=True)
class Asked:
    """How many queries were asked, and what they took."""

    queries: int
    seconds: float
    server: float  # CPU-seconds
    client: float  # CPU-seconds


def ask_all(queries: Any, batch: int, ask: Callable[[Any], object], server: Clock) -> Asked:
    """Ask for batches of queries, until all are asked or the time is over."""
    ask(queries[:batch])  # opens connections, and brings what is on disk into memory
    began, computed, own = time.monotonic(), server.cpu(), time.process_time()
    done = 0
    while done < min(len(queries), _QUERIES) and time.monotonic() < began + _SECONDS:
        ask(queries[done : done + batch])
        done += len(queries[done : done + batch])
    seconds = time.monotonic() - began
    return Asked(done, seconds, server.cpu() - computed, time.process_time() - own)
