"""Judges the pairs one by one, in both orders, without a run of the product."""

import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.precision.corpus import Corpus, Row
from benchmarks.precision.judge import described, judge
from benchmarks.precision.kinds.catalogue import BY_NAME
from imgdedup.config import Config
from imgdedup.errors import ImageFailure


@dataclass(frozen=True)
class Judged:
    """The verdicts on one pair, and the CPU that they took, in seconds."""

    row: Row
    forward: bool  # taken for copies, left before right
    backward: bool
    decoding: float  # of both files, with their features
    judging: float  # of one order
    failure: str = ""  # why a file could not be decoded

    @property
    def is_right(self) -> bool:
        """Whether both orders judge the pair rightly."""
        return self.forward == self.backward == BY_NAME[self.row.kind].is_copy


def judged(row: Row, files: Path, config: Config) -> Judged:
    """Judge one pair."""
    left, right = (files / row.left).read_bytes(), (files / row.right).read_bytes()
    start = time.process_time()
    try:
        for data in (left, right):
            described(data, config.embed)
        decoded = time.process_time()
        forward, backward = judge(left, right, config), judge(right, left, config)
    except ImageFailure as failure:
        return Judged(row, False, False, 0.0, 0.0, str(failure))
    spent = time.process_time() - decoded
    return Judged(row, forward, backward, decoded - start, spent / 2)


def judge_all(corpus: Corpus, rows: Iterable[Row], config: Config, workers: int) -> list[Judged]:
    """Judge pairs of a corpus in some processes; a file beside itself is left out."""
    wanted = [row for row in rows if row.left_content != row.right_content]
    one = partial(judged, files=corpus.files, config=config)
    if workers == 1:
        return [one(row) for row in wanted]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(one, wanted, chunksize=16))
