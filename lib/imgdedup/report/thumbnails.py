"""Takes thumbnails out of `embeddings`: only those that are missing, each once."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from imgdedup.report.tables import files_of

_BATCH = 256  # thumbnails in memory
_WRITERS = 16  # a store answers after some time, but many at once


def copy_missing(
    system: fs.FileSystem,
    root: str,
    wanted: Mapping[str, str],
    write: Callable[[str, bytes], None],
) -> set[str]:
    """Hand the thumbnails of the `wanted` contents to `write`; the contents that have none.

    `wanted` gives for each content a day whose partition holds it. Only row groups that hold one
    are read.
    """
    by_day: defaultdict[str, set[str]] = defaultdict(set)
    for content, dt in wanted.items():
        by_day[dt].add(content)
    with ThreadPoolExecutor(_WRITERS) as writers:
        for dt in sorted(by_day):
            missing = by_day[dt]
            for file in files_of(system, f"{root}/embeddings/dt={dt}"):
                for found in _thumbnails(system, file, missing):
                    list(writers.map(write, found.keys(), found.values()))
                    missing.difference_update(found)
    return set().union(*by_day.values())


def _thumbnails(system: fs.FileSystem, path: str, contents: set[str]) -> Iterator[dict[str, bytes]]:
    """Thumbnails of a file by content, some at a time, of the `contents` that are still there."""
    columns = ["content_id", "thumbnail"]
    with system.open_input_file(path) as source:
        file = pq.ParquetFile(source)
        if not set(columns) <= set(file.schema_arrow.names):
            return
        for number in range(file.num_row_groups):
            wanted = pa.array(sorted(contents), pa.string())
            here = file.read_row_group(number, columns=columns[:1])[columns[0]]
            if not pc.any(pc.is_in(here, wanted)).as_py():
                continue
            for batch in file.iter_batches(_BATCH, row_groups=[number], columns=columns):
                rows = batch.filter(pc.is_in(batch[columns[0]], wanted))
                pairs = zip(*map(pa.Array.to_pylist, rows.columns), strict=True)
                yield {content: data for content, data in pairs if content in contents and data}
