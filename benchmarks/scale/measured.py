"""The page of a measured Milvus server, beside what the model predicts."""

from collections.abc import Sequence

import numpy as np

from benchmarks.machine import described
from benchmarks.scale import indexes
from benchmarks.scale.measure import Measured
from benchmarks.scale.page import table
from benchmarks.scale.rates import Rates
from imgdedup.config import Config
from imgdedup.space.vectors import EXTRA


def measured_page(command: str, found: Sequence[Measured], rates: Rates, config: Config) -> str:
    """What was measured, what the model predicts, and the rates that fit what was measured."""
    fits = fitted(found)
    width = config.fit.dims + config.fit.local_dims + EXTRA
    return "\n".join(
        [
            "# A Milvus server by the number of vectors",
            "",
            f"`{command}` on {described()}. Milvus 2.3.5 standalone, filled and asked as "
            f"`index` and `search` do. Vectors of {width} float32 lie in random clusters. A query "
            f"asks for {config.search.page_size} neighbours, {config.search.query_batch} queries "
            "make a request. Milliseconds are CPU time, which other work on the machine changes "
            "little. Whatever is told by seconds depends on the load, so compare it within this "
            "page only.",
            "",
            *_found(found),
            "",
            "## Predicted and measured",
            "",
            "The rates of the model are fitted to runs of this benchmark. So the ratio says how "
            "well the formulas fit; on another machine the rates are others.",
            "",
            *_predicted(found, rates, width),
            "",
            *(["## Rates that fit", "", *fits, ""] if fits else []),
        ]
    )


def _found(found: Sequence[Measured]) -> list[str]:
    rows = [
        [
            *(each.index, f"{each.vectors:,}", f"{each.upserted_a_second:,.0f}"),
            *(f"{each.filled_a_second:,.0f}", f"{each.imported_a_second:,.0f}"),
            *(f"{each.insert_ms:.2f}", f"{each.ready_seconds:.0f}", f"{each.segments}"),
            *(f"{each.queries_a_second:,.0f}", f"{each.server_ms:.2f}", f"{each.asked_ms:.2f}"),
            *(f"{each.client_ms:.2f}", f"{each.recall:.4f}", f"{each.memory_mb:,.0f}"),
            f"{each.load:.1f}",
        ]
        for each in found
    ]
    head = [
        *("index", "vectors", "upserts/s", "upserts/s, index included"),
        *("imports/s, index included", "server ms an upsert, index included"),
        *("seconds until it is indexed and loaded", "segments", "queries/s", "server ms a query"),
        *("server ms a content of `search`", "client ms a content", "recall of the 10 nearest"),
        *("MB more than the empty server", "load of the machine"),
    ]
    return table(head, rows)


def _predicted(found: Sequence[Measured], rates: Rates, width: int) -> list[str]:
    rows = []
    for each in found:
        query = indexes.query_ms(each.index, each.vectors, each.segments, rates)
        memory = each.vectors * indexes.memory_of_vector(each.index, width, rates) / 1e6
        rows.append(
            [
                *(each.index, f"{each.vectors:,}", f"{query:.2f}", f"{each.server_ms:.2f}"),
                *(f"{query / max(each.server_ms, 1e-9):.2f}", f"{memory:,.0f}"),
                f"{each.memory_mb:,.0f}",
            ]
        )
    head = [
        *("index", "vectors", "ms a query, predicted", "measured", "ratio"),
        *("MB, predicted", "measured"),
    ]
    return table(head, rows)


def fitted(found: Sequence[Measured]) -> list[str]:
    """The lines that fit the time of a query: by the vectors (FLAT), by their logarithm (HNSW).

    A query asks each segment, so HNSW's figure is that of one segment.
    """
    lines = []
    for kind in indexes.TIMED:
        own = [each for each in found if each.index == kind]
        if len({each.vectors for each in own}) < 2:
            continue
        vectors = np.array([float(each.vectors) for each in own])
        taken = np.array([each.server_ms for each in own])
        if kind == "FLAT":
            slope, constant = np.polyfit(vectors, taken, 1)
            lines.append(f"- FLAT: {constant:.3g} ms, and {slope:.3g} ms for each vector.")
        else:
            parts = np.array([each.segments for each in own])
            doubling = np.mean(taken / parts / np.log2(vectors / parts))
            lines.append(f"- HNSW: {doubling:.3g} ms for each doubling of a segment's vectors.")
    return lines
