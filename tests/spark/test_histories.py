"""A few random histories of days end in the tables of one clean run.

`make bench-histories` tries hundreds of histories.
"""

from collections import Counter
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from benchmarks.drawn import try_machine
from benchmarks.histories.broken import empty_partitions_stand
from benchmarks.histories.changes import Put, Take
from benchmarks.histories.laboratory import NOTHING, SETTINGS, STAGES, Laboratory, Step
from benchmarks.histories.machine import STEPS, histories
from imgdedup import config
from imgdedup.local.workspace import CONF

DAY = "2026-01-01"
HISTORIES, SEED = 1, 64


@pytest.fixture(scope="module")
def laboratory(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    settings = config.load(CONF, "local", SETTINGS)
    return Laboratory(spark, tmp_path_factory.mktemp("histories"), settings)


@pytest.fixture
def broken(laboratory: Laboratory) -> Iterator[Laboratory]:
    with empty_partitions_stand(laboratory, "pairs"):
        yield laboratory


def test_histories_end_as_one_clean_run(laboratory: Laboratory) -> None:
    tally = Counter[str]()
    try_machine(histories(laboratory, tally), HISTORIES, STEPS, SEED)
    assert tally["compared"] >= HISTORIES


def test_a_partition_that_is_not_overwritten_is_found(broken: Laboratory) -> None:
    history = histories(broken, Counter())()
    history.begin(start=0)
    history.run([Put(DAY, "a", "coffee"), Put(DAY, "b", "coffee gray")], DAY)
    with pytest.raises(AssertionError, match=rf"pairs of {DAY}: 1 rows too many"):
        history.run([Take(DAY, "b")], DAY)


def test_a_history_that_begins_like_another_goes_on_from_its_lake(laboratory: Laboratory) -> None:
    step = Step.of({DAY: {"a": "text"}}, STAGES[:2])
    lake = laboratory.after(NOTHING, step)
    applied = laboratory.stages.total()
    assert laboratory.after(NOTHING, step) == lake
    assert laboratory.stages.total() == applied
