"""What a collection in Milvus needs, by its type of index: memory, disk, time of a query."""

import math
from dataclasses import dataclass

from benchmarks.scale.rates import Rates

FLOAT = 4  # bytes
LINKS = 32  # of HNSW, as `milvus.client` builds it; the lowest layer has twice as many
KINDS = ("FLAT", "HNSW", "IVF_SQ8", "DISKANN")
TIMED = ("FLAT", "HNSW")  # those that imgdedup can build, and that were measured


@dataclass(frozen=True)
class Servers:
    """The query nodes that hold a collection."""

    memory: float  # bytes of the collection
    nodes: int
    cores: int


def memory_of_vector(kind: str, width: int, rates: Rates) -> float:
    """Bytes of memory that one vector of `width` float32 takes.

    FLAT holds the vector. HNSW holds its links, too, of four bytes. IVF_SQ8 holds one byte for each
    value. DISKANN holds a compressed vector, and keeps a share of the vectors as a cache.
    """
    raw, key = FLOAT * width, rates("milvus.key")
    if kind == "FLAT":
        return raw + key
    if kind == "HNSW":
        return raw + FLOAT * 2 * LINKS + key
    if kind == "IVF_SQ8":
        return width + key
    if kind == "DISKANN":
        return raw * (rates("milvus.pq_share") + rates("milvus.cache_share")) + key
    raise ValueError(f"unknown index {kind}")


def disk_of_vector(kind: str, width: int, rates: Rates) -> float:
    """Bytes on the disks of the query nodes that one vector takes: only DISKANN needs them."""
    if kind != "DISKANN":
        return 0.0
    return FLOAT * width + FLOAT * (rates("milvus.disk_links") + 1)


def segments(vectors: float, width: int, rates: Rates) -> float:
    """The number of parts that Milvus indexes apart; a query asks each of them."""
    return max(1.0, vectors * FLOAT * width / rates("milvus.segment"))


def query_ms(kind: str, vectors: float, parts: float, rates: Rates) -> float:
    """Core-milliseconds of the server for one query among `vectors` in so many segments.

    FLAT compares with every vector. HNSW walks a graph in each segment, in steps that grow with the
    logarithm of its vectors.
    """
    if kind == "FLAT":
        return rates("milvus.flat_query") + rates("milvus.flat_vector") * vectors
    if kind == "HNSW":
        steps = math.log2(max(vectors / parts, 2.0))
        return parts * rates("milvus.hnsw_doubling") * steps
    raise ValueError(f"{kind} was not measured")


def build_ms(kind: str, rates: Rates) -> float:
    """Core-milliseconds of the server that one vector's place in the index takes."""
    return rates("milvus.hnsw_build") if kind == "HNSW" else 0.0


def servers(kind: str, vectors: float, width: int, rates: Rates) -> Servers:
    """The query nodes that hold so many vectors."""
    memory = vectors * memory_of_vector(kind, width, rates)
    nodes = math.ceil(memory / (rates("milvus.node_memory") * rates("milvus.usable"))) or 1
    return Servers(memory, nodes, nodes * int(rates("milvus.node_cores")))
