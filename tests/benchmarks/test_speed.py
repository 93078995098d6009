"""The speed benchmark: whose time and CPU it is, what pairs are worth, what the files are."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.corpus import COPY, EVERYDAY_KIND, PHOTO, STRONG_KIND
from benchmarks.speed import corpus, peers, stages
from benchmarks.speed.__main__ import require_sizes
from benchmarks.speed.corpus import DAYS, EDITS, File
from benchmarks.speed.measure import Sample, measured
from benchmarks.speed.scorer import score
from benchmarks.speed.stages import (
    AIRFLOW,
    DRIVER,
    ENDS,
    JVM,
    MILVUS,
    OTHER,
    START,
    WORKERS,
    Span,
    cpu_of,
    process_class,
    seconds_of,
    spans,
)
from imgdedup.errors import UserError
from imgdedup.flow import STAGES
from tests.stand_ins import picture

LINES = [
    (1.0, "imgdedup: starting Airflow"),
    (6.0, "imgdedup: 2026-01-01 embed starts"),
    (12.0, "imgdedup: scan: 75 rows in, 75 out, source files, 5.9 s"),
    (15.0, "imgdedup: embed: 40 of 75 tasks"),
    (20.0, "imgdedup: embed: 75 rows in, 75 out, embedded 70, 8.0 s"),
    (21.0, "imgdedup: 2026-01-01 embed done in 15.0 s"),
    (21.5, "imgdedup: 2026-01-01 index starts"),
    (27.0, "imgdedup: fit: 70 rows in, 1 out, 5.1 s"),
    (27.5, "scan                             75           75          5.9"),
]


def test_a_stage_lasts_from_the_stage_or_the_start_before_it_to_its_line() -> None:
    cuts = spans(LINES, 30.0)
    assert cuts == [
        Span(START, 0.0, 6.0),
        Span("scan", 6.0, 12.0),
        Span("embed", 12.0, 20.0),
        Span(ENDS, 20.0, 21.5),
        Span("fit", 21.5, 27.0),
        Span(ENDS, 27.0, 30.0),
    ]
    seconds = seconds_of(cuts)
    assert seconds == {**dict.fromkeys((*STAGES, START, ENDS), 0.0)} | {
        START: 6.0,
        "scan": 6.0,
        "embed": 8.0,
        "fit": 5.5,
        ENDS: 4.5,
    }


def test_a_run_that_printed_nothing_is_all_in_one_part() -> None:
    assert spans([], 3.0) == [Span(ENDS, 0.0, 3.0)]


def test_cpu_belongs_to_the_stage_in_which_it_was_used() -> None:
    cuts = [Span("scan", 0.0, 4.0), Span("embed", 4.0, 10.0)]
    samples = [
        Sample(0.0, {}),
        Sample(2.0, {JVM: 2.0}),
        Sample(6.0, {JVM: 6.0, DRIVER: 8.0}),
        Sample(10.0, {JVM: 6.0, DRIVER: 9.0}),
    ]
    found = cpu_of(cuts, samples)
    # Between two samples the CPU is spread evenly: half of that from 2 to 6 is before 4.
    assert found["scan"] == pytest.approx({JVM: 4.0, DRIVER: 4.0})
    assert found["embed"] == pytest.approx({JVM: 2.0, DRIVER: 5.0})
    assert found["verify"] == {JVM: 0.0, DRIVER: 0.0}
    assert stages.cpu_of_classes(found) == pytest.approx({JVM: 6.0, DRIVER: 9.0})


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (
            "/jdk/bin/java -cp /spark/jars/* org.apache.spark.deploy.SparkSubmit /r/jobs/embed.py",
            JVM,
        ),
        ("/r/.venv/bin/python /r/jobs/embed.py --root=/data/milvus --dt=2026-01-01", DRIVER),
        ("/r/.venv/bin/python3.11 -u /r/jobs/dedup.py --root=/data", DRIVER),
        ("/r/.venv/bin/python -m pyspark.daemon pyspark.worker", WORKERS),
        ("/r/.venv/bin/python -m imgdedup.local.dag_runner []", AIRFLOW),
        ("/r/.venv/bin/python -m imgdedup.local.run --images=/airflow --out=/jobs", OTHER),
        ("/r/.venv/bin/python -m milvus_lite.server --port 19530", MILVUS),
        ("/usr/bin/milvus run standalone", MILVUS),
        ("bash /spark/bin/spark-submit --master local[*] /r/jobs/embed.py", OTHER),
        ("/r/.venv/bin/python /elsewhere/embed.py", OTHER),
        ("", OTHER),
    ],
)
def test_the_command_line_tells_the_class_of_a_process(command: str, name: str) -> None:
    assert process_class(command.split()) == name


BURN = "import time\nwhile time.process_time() < {}: pass\n"
# The parent ends first. Its child goes on for a while as an orphan.
ORPHAN = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {BURN.format(0.5)!r}, "orphan"])
print("said", flush=True)
{BURN.format(0.3)}
"""


# The kernel counts no child of a parent that ignores the ends of its children.
IGNORED = f"""
import signal, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", {BURN.format(0.8)!r}]).wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which signals are ignored")
def test_cpu_of_children_whose_end_is_ignored_is_counted_from_samples(tmp_path: Path) -> None:
    found = measured([sys.executable, "-c", IGNORED], tmp_path / "log", lambda _: "any")
    assert found.status == 0
    assert 0.5 < found.cpu < 3.0
    assert sum(found.samples[-1].cpu.values()) <= found.cpu + 0.05


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans to a grandparent")
def test_cpu_of_all_descendants_is_counted_even_of_orphans(tmp_path: Path) -> None:
    found = measured(
        [sys.executable, "-c", ORPHAN],
        tmp_path / "logs" / "log",
        lambda command: "orphan" if command[-1:] == ["orphan"] else "parent",
    )
    assert found.status == 0
    assert 0.75 < found.cpu < 3.0
    assert 0 < found.peak_of_one <= found.peak_of_all
    used = found.samples[-1].cpu
    assert used["orphan"] > 0.3
    assert sum(used.values()) <= found.cpu + 0.05
    assert [line for _, line in found.lines] == ["said"]
    assert (tmp_path / "logs" / "log").read_text() == "said\n"


def file(name: str, photo: str, kind: str, content: str = "") -> File:
    return File(name, DAYS[0], photo, kind, kind, content or name)


FILES = [
    file("a", "A", PHOTO, "bytes of a"),
    file("a2", "A", COPY, "bytes of a"),
    file("a3", "A", EVERYDAY_KIND),
    file("b", "B", PHOTO),
    file("b2", "B", STRONG_KIND),
    file("c", "C", PHOTO),
    file("d2", "D", EVERYDAY_KIND),  # its photograph is not there
]


def test_a_copy_is_found_by_a_pair_with_its_photograph_or_with_the_same_bytes() -> None:
    found = score(FILES, [("a3", "a2"), ("a2", "a")])
    assert found.copies == {COPY: 1, EVERYDAY_KIND: 1, STRONG_KIND: 1}
    assert found.found == {COPY: 1, EVERYDAY_KIND: 1, STRONG_KIND: 0}
    assert (found.false_pairs, found.untouched_pairs) == (0, 0)
    assert found.recall == pytest.approx(2 / 3)


def test_a_pair_of_an_exact_copy_with_another_file_does_not_find_the_copy() -> None:
    found = score(FILES, [("a3", "a2"), ("a", "a")])
    assert found.found == {COPY: 0, EVERYDAY_KIND: 1, STRONG_KIND: 0}


def test_pairs_of_two_photographs_are_false_and_counted_once_for_equal_bytes() -> None:
    found = score(FILES, [("a", "b2"), ("b2", "a2"), ("a2", "b"), ("b", "a"), ("c", "d2")])
    # A copy with the bytes of its photograph is untouched.
    assert (found.false_pairs, found.untouched_pairs) == (2, 1)
    assert not any(found.found.values())


def test_a_pair_of_an_unknown_file_is_refused() -> None:
    with pytest.raises(KeyError, match="nobody"):
        score(FILES, [("a", "nobody")])


def test_a_third_of_the_files_are_copies_of_the_photographs_there() -> None:
    names = [f"{n}.jpg" for n in range(50)]
    earlier = [f"old {n}.jpg" for n in range(50)]
    chosen = corpus.choose(names, earlier, 75, np.random.default_rng(1))
    assert len(set(chosen)) == 75
    kinds = Counter(edit if edit in (PHOTO, COPY) else "edited" for _, edit in chosen)
    assert kinds == {PHOTO: 50, COPY: 6, "edited": 19}
    assert {name for name, edit in chosen if edit == PHOTO} == set(names)
    assert {name for name, _ in chosen} <= {*names, *earlier}
    assert chosen == corpus.choose(names, earlier, 75, np.random.default_rng(1))
    assert corpus.photos_of(75) == 50


def test_each_day_has_its_files_and_a_second_build_takes_those_that_are_there(
    tmp_path: Path,
) -> None:
    photos = {}
    for n in range(16):
        photos[f"{n}.png"] = tmp_path / f"{n}.png"
        picture(n).save(photos[f"{n}.png"])
    built = corpus.build(tmp_path / "files", photos, 12, DAYS, seed=0)
    assert Counter(each.day for each in built.files) == dict.fromkeys(DAYS, 12)
    assert len({each.name for each in built.files}) == 24
    assert built.kinds(DAYS[0]) == {PHOTO: 8, COPY: 1, EVERYDAY_KIND: 2, STRONG_KIND: 1}
    assert {each.edit for each in built.files} <= {PHOTO, COPY, *EDITS}
    times = {path: path.stat().st_mtime_ns for path in built.folder.glob("*/*")}
    assert len(times) == 24
    assert corpus.build(tmp_path / "files", photos, 12, DAYS, seed=0) == built
    assert {path: path.stat().st_mtime_ns for path in built.folder.glob("*/*")} == times
    exact = [each for each in built.of(DAYS[0]) if each.kind == COPY]
    originals = {each.photo: each.content for each in built.files if each.kind == PHOTO}
    assert [originals[each.photo] for each in exact] == [each.content for each in exact]
    with pytest.raises(UserError, match="need 40 photographs, and there are 16"):
        corpus.build(tmp_path / "more", photos, 30, DAYS, seed=0)


def test_sizes_rise_and_are_whole_numbers() -> None:
    assert require_sizes("1000,75,75") == [75, 1000]
    for wrong in ("", "75,", "ten", "5,100"):
        with pytest.raises(UserError, match="are no sizes"):
            require_sizes(wrong)


def test_peers_are_left_out_without_a_folder_and_without_a_python_that_fits() -> None:
    found, told = peers.prepared(None, Path(), Path())
    assert (found, len(told)) == ([], 1)
    ancient = peers.Package("ancient==1", (2, 0), (2, 1))
    with pytest.raises(UserError, match=r"ancient needs Python 2\.0"):
        peers.require_base(ancient)
