"""How the vectors are indexed: what each type needs, and which one suits a corpus.

FLAT compares with every vector, and is exact. HNSW is a graph in memory. IVF_SQ8 keeps one byte for
each value, in lists of near vectors. DISKANN keeps a graph on the disks of the server.
"""

import math
from dataclasses import dataclass, field

# M: links of a vector. efConstruction: candidates for the links while the graph is built. HNSW's
# authors call these sizes large.
_LINKS, _CONSTRUCTION = 32, 400
_FLAT_MOST = 300_000  # contents: below, FLAT takes minutes for all of them, and is exact
_USABLE = 0.7  # of the memory: a server needs room to load, to build and to answer
_SEGMENT = 1 << 30  # bytes of vectors that a server indexes together
_LISTS = (16, 16_384)  # the fewest and the most lists of an IVF index
_LEAST_EF = 64
# A search in a quarter of the lists misses one of a hundred nearest, even among vectors without any
# order.
_LISTS_MISSED = 0.25 * 0.01
_QUANTISED = {"IVF_SQ8"}
_GIB = 1 << 30


@dataclass(frozen=True)
class Index:
    """The index of a collection: its type, and what it was built with."""

    kind: str
    built: dict[str, int] = field(default_factory=dict)

    @property
    def is_quantised(self) -> bool:
        """Whether the margins that it gives are only near the true ones."""
        return self.kind in _QUANTISED

    def asks_for(self, k: int) -> int:
        """How many neighbours to ask for, so that the best `k` are among them."""
        return k + max(k // 2, 16) if self.is_quantised else k

    def search_params(self, k: int, recall: float) -> dict[str, int]:
        """What a search for `k` neighbours needs, so that it finds about the share `recall`."""
        missed = max(1 - recall, 1e-3)
        if self.kind == "HNSW":
            return {"ef": max(2 * k, _LEAST_EF, round(2.56 / missed))}
        if self.kind == "IVF_SQ8":
            lists = self.built.get("nlist", _LISTS[0])
            return {"nprobe": min(lists, max(16, math.ceil(lists * _LISTS_MISSED / missed)))}
        if self.kind == "DISKANN":
            # Milvus takes k to 200 for small k, and up to ten times k for others.
            most = 200 if k <= 20 else min(10 * k, 65_535)
            return {"search_list": min(most, max(2 * k, round(1 / missed)))}
        return {}


def new_index(kind: str, contents: int, width: int, memory: float) -> Index:
    """The index of type `kind` for so many contents, with vectors of `width` values.

    AUTO is the first of these types that fits: FLAT up to 300,000 contents; then HNSW, IVF_SQ8 and
    DISKANN by the `memory` of the server in GiB. 0: its memory is not known, and large enough.
    """
    if kind == "AUTO":
        kind = _fitting(contents, width, memory)
    if kind == "HNSW":
        return Index(kind, {"M": _LINKS, "efConstruction": _CONSTRUCTION})
    if kind == "IVF_SQ8":
        together = min(contents, _SEGMENT // (4 * width))
        lists = round(4 * math.sqrt(max(together, 1)))
        return Index(kind, {"nlist": min(max(lists, _LISTS[0]), _LISTS[1])})
    return Index(kind)


def needed_bytes(kind: str, width: int) -> int:
    """The memory of the server that one vector of `width` values takes, roughly, in bytes."""
    graph = 8 * _LINKS + 64  # both directions of all links, and the key
    return {"FLAT": 4 * width + 64, "HNSW": 4 * width + graph, "IVF_SQ8": width + 64}[kind]


def _fitting(contents: int, width: int, memory: float) -> str:
    if contents <= _FLAT_MOST:
        return "FLAT"
    for kind in ("HNSW", "IVF_SQ8"):
        if not memory or contents * needed_bytes(kind, width) <= _USABLE * memory * _GIB:
            return kind
    return "DISKANN"
