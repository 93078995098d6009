"""A collection and import jobs of a server, as the tests play them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from imgdedup.milvus.jobs import Progress
from tests.stand_ins import FakeCollection


class Repeating(FakeCollection):
    """A collection that may have several vectors of a key, as on a server; it can be loaded."""

    def __init__(self) -> None:
        super().__init__()
        self.more: list[str] = []  # keys with one vector more
        self.calls: list[str] = []

    def count(self) -> int:
        return super().count() + len(self.more)

    def repeated(self) -> list[str]:
        return sorted(set(self.more))

    def upsert(self, keys: Sequence[str], vectors: np.ndarray) -> None:
        super().upsert(keys, vectors)
        self.more = [key for key in self.more if key not in keys]

    def holds(self, key: str) -> bool:
        return key in self._rows

    def load(self, *, again: bool = False) -> None:
        self.calls.append("load again" if again else "load")

    def release(self) -> None:
        self.calls.append("release")


@dataclass
class Jobs:
    """Jobs that read the files into the collection, one step in each question."""

    collection: Repeating
    steps: int = 2
    failing: dict[str, str] = field(default_factory=dict)  # the reason, by the name of the file
    asked: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)  # the steps of each job
    most: int = 0

    def start(self, path: str, once: str) -> str:
        self.asked.append(path)
        self.marks.append(once)
        self.left[path] = self.steps
        self.most = max(self.most, len(self.unfinished()))
        return path

    def progress(self, job: str) -> Progress:
        self.left[job] -= 1
        if self.left[job] > 0:
            return Progress(50)
        if reason := self.failing.get(Path(job).name):
            return Progress(0, failed=reason)
        self._read(job)
        return Progress(100, done=True)

    def unfinished(self) -> list[str]:
        return [job for job, left in self.left.items() if left > 0]

    def _read(self, job: str) -> None:
        table = pq.read_table(job)
        names = table["content_id"].to_pylist()
        self.collection.more += [name for name in names if self.collection.holds(name)]
        self.collection.insert(names, np.array(table["vector"].to_pylist(), np.float32))


def batch(names: list[str], vectors: np.ndarray) -> pa.RecordBatch:
    rows = pa.array(list(vectors), pa.list_(pa.float32()))
    return pa.RecordBatch.from_arrays([pa.array(names), rows], names=["key", "vector"])
