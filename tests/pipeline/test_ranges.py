"""A range of days in one run, and what is rebuilt after damage or cannot be."""

import shutil
from pathlib import Path

import pytest

from benchmarks import lakes
from imgdedup.flow import BY_DAY, SETTLING, STAGES
from tests.pipeline.conftest import FIRST, SECOND, Photos
from tests.pipeline.jobs import Ended, Jobs, command, files, read

BEFORE, THIRD = "2025-12-31", "2026-01-03"  # days for which there is nothing
DERIVED = ("candidates", "pairs", "groups", "deduplicated")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("range") / "lake"


@pytest.fixture(scope="module")
def images(photos: Photos, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Few images of both days: some photographs with copies on either."""
    folder = tmp_path_factory.mktemp("few")
    for dt in (FIRST, SECOND):
        for name in photos.of(dt):
            if name.startswith(("coffee", "page")):
                (folder / dt / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(photos.folder / dt / name, folder / dt / name)
    return folder


@pytest.fixture(scope="module")
def ended(root: Path, images: Path, in_one_process: Jobs) -> dict[str, Ended]:
    """How the stages of one run over a range ended."""
    place = f"{images}/{{dt}}"
    jobs = [command(stage, root, BEFORE, place, until=THIRD) for stage in STAGES]
    return dict(zip(STAGES, in_one_process(jobs), strict=True))


def status_and_error(job: Ended) -> tuple[int, str]:
    return job.status, "\n".join(line for line in job.lines if line.startswith("error: "))


def test_a_range_takes_the_days_that_are_there_and_names_the_others(
    root: Path, ended: dict[str, Ended]
) -> None:
    assert [job.status for job in ended.values()] == [0] * len(STAGES)
    for stage in ("scan", "embed"):
        out = [line for line in ended[stage].lines if "is left out" in line]
        assert [line.split()[1] for line in out] == [BEFORE, THIRD]
    for dataset in {*lakes.TABLES} - {"leakage"}:  # no setting asks for leakage
        days = sorted(folder.name for folder in (root / dataset).iterdir())
        assert days == [f"dt={FIRST}", f"dt={SECOND}"]
    runs = [(row["stage"], row["dt"]) for row in read(root, "runs")]
    settling = [(stage, THIRD) for stage in SETTLING]
    each_day = [(stage, dt) for stage in BY_DAY for dt in (FIRST, SECOND)]
    assert sorted(runs) == sorted(each_day + settling)
    assert {pair["dt"] for pair in read(root, "pairs")} == {FIRST, SECOND}


def test_a_range_without_any_day_or_without_a_place_for_the_day_is_refused(
    root: Path, ended: dict[str, Ended], images: Path, in_one_process: Jobs
) -> None:
    before = files(root, "manifest")
    nothing, anywhere, backwards = in_one_process(
        [
            command("scan,embed", root, "2025-01-01", f"{images}/{{dt}}", until="2025-01-02"),
            command("scan", root, FIRST, f"{images}/{FIRST}", until=SECOND),
            command("scan", root, SECOND, f"{images}/{{dt}}", until=FIRST),
        ]
    )
    assert nothing.status == anywhere.status == backwards.status == 2
    assert "nothing for any day from 2025-01-01 to 2025-01-02" in status_and_error(nothing)[1]
    assert nothing.lines[-1] == "scan failed, so embed did not start"
    assert "write {dt} where the day stands" in status_and_error(anywhere)[1]
    assert "before it begins" in status_and_error(backwards)[1]
    assert files(root, "manifest") == before


def test_a_day_that_was_scanned_does_not_vanish_from_a_range(
    root: Path, ended: dict[str, Ended], images: Path, tmp_path: Path, in_one_process: Jobs
) -> None:
    shutil.copytree(images / SECOND, tmp_path / SECOND)
    (job,) = in_one_process([command("scan", root, FIRST, f"{tmp_path}/{{dt}}", until=SECOND)])
    status, error = status_and_error(job)
    assert status == 2
    assert f"there is no folder or file {tmp_path}/{FIRST}" in error


def test_damaged_derived_tables_are_written_again(
    root: Path, ended: dict[str, Ended], in_one_process: Jobs
) -> None:
    sound = lakes.tables(root)
    for dataset in ("candidates", "pairs", "groups"):
        next((root / dataset / f"dt={SECOND}").glob("*.parquet")).unlink()
    shutil.rmtree(root / "deduplicated" / f"dt={FIRST}")
    shutil.rmtree(root / ".imgdedup" / "milvus")
    jobs = in_one_process([command(stage, root, SECOND) for stage in SETTLING])
    assert [job.status for job in jobs] == [0] * 5
    told = [line for job in jobs for line in job.lines if "writes all of its tables again" in line]
    assert [line.split(":")[0] for line in told] == ["search"]  # the others follow it
    assert lakes.differences(lakes.tables(root), sound) == []


def test_repair_trusts_nothing_that_is_derived(
    root: Path, ended: dict[str, Ended], in_one_process: Jobs
) -> None:
    sound, trusted = lakes.tables(root), files(root, "embeddings")
    for file in (root / ".imgdedup" / "milvus").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    for dataset in DERIVED:  # whole by the marker, but the rows are of another day
        shutil.rmtree(root / dataset / f"dt={SECOND}")
        shutil.copytree(root / dataset / f"dt={FIRST}", root / dataset / f"dt={SECOND}")
    jobs = [command(stage, root, SECOND, settings={"lake.repair": True}) for stage in STAGES]
    assert [status_and_error(job) for job in in_one_process(jobs)] == [(0, "")] * len(STAGES)
    assert lakes.differences(lakes.tables(root), sound) == []
    assert files(root, "embeddings") == trusted


def test_repair_names_the_days_whose_embeddings_do_not_fit(
    root: Path, ended: dict[str, Ended], in_one_process: Jobs
) -> None:
    next((root / "embeddings" / f"dt={SECOND}").glob("*.parquet")).unlink()
    repair, index = in_one_process(
        [
            command("embed", root, SECOND, settings={"lake.repair": True}),
            command("index", root, FIRST),
        ]
    )
    status, error = status_and_error(repair)
    assert status == 2
    assert f"embeddings do not fit the manifests: run {SECOND} (" in error
    status, error = status_and_error(index)
    assert status == 1
    assert f"embeddings of {SECOND}: 1 of its" in error
