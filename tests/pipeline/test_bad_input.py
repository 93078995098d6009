"""Wrong input ends a job with one line in plain words, and leaves no table."""

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.flow import STAGES
from tests.pipeline.conftest import FIRST, SECOND, Photos
from tests.pipeline.jobs import Ended, Jobs, command, read


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Places with something wrong in each."""
    folder = tmp_path_factory.mktemp("wrong")
    (folder / "empty").mkdir()
    (folder / "file").write_text("This is a line of text.\n")
    (folder / "text.pth").write_text("This is a line of text, not weights.\n")
    with (folder / "arrays.pth").open("wb") as file:
        np.savez(file, a=np.zeros(3))
    pq.write_table(pa.table({"image_id": ["a"], "price": [1]}), folder / "no-uri.parquet")
    twice = {"image_id": ["a", "b", "a"], "uri": ["/1", "/2", "/3"]}
    pq.write_table(pa.table(twice), folder / "twice.parquet")
    return folder


# Name of the case: stage, manifest below the folder, words of the message.
SCANS = {
    "a missing folder": ("none", "there is no folder"),
    "an empty folder": ("empty", "there is no file in"),
    "a file that is no table": ("file", "neither Parquet nor a folder of images"),
    "a missing table": ("none-{dt}.parquet", "there is no folder or file"),
    "a manifest without uri": ("no-uri.parquet", 'has no column "uri"'),
    "a manifest with an id twice": ("twice.parquet", "image_id is not unique (image_id: a)"),
    "no partition of the day": ("", "manifest/dt="),
}
WEIGHTS = {
    "weights that are not there": ("none.pth", "cannot be read (missing)"),
    "weights that are text": ("text.pth", "neither a state_dict"),
    "weights that are arrays": ("arrays.pth", "neither a state_dict"),
}


@pytest.fixture(scope="module")
def ended(photos: Photos, folder: Path, taken_port: int, in_one_process: Jobs) -> dict[str, Ended]:
    """How each wrong case ended, and some sound ones between them."""
    jobs = {
        name: command("scan", folder / name, FIRST, str(folder / place) if place else "")
        for name, (place, _) in SCANS.items()
    }
    jobs["a root that is a file"] = command("scan", folder / "file", FIRST, photos.manifest())
    jobs["an unknown setting"] = command(
        "scan", folder / "setting", FIRST, photos.manifest(), settings={"scan.hiden": True}
    )
    jobs["embed before scan"] = command("embed", folder / "unscanned", FIRST)
    lake = folder / "lake"
    jobs["sound scan"] = command("scan", lake, FIRST, photos.manifest())
    for name, (place, _) in WEIGHTS.items():
        settings = {"embed.weights": str(folder / place)}
        jobs[name] = command("embed", lake, FIRST, settings=settings)
    jobs["sound embed"] = command("embed", lake, FIRST)
    jobs["index before fit"] = command("index", lake, FIRST)
    jobs["sound fit"] = command("fit", lake, FIRST)
    jobs["a taken port"] = command("index", lake, FIRST, settings={"milvus.port": taken_port})
    nowhere = {"milvus.uri": f"http://127.0.0.1:{taken_port}", "milvus.request_timeout": 1.0}
    jobs["no server"] = command("index", lake, FIRST, settings=nowhere)
    return dict(zip(jobs, in_one_process(list(jobs.values())), strict=True))


def message(job: Ended, name: str) -> str:
    """The one line of error that a job printed."""
    errors = [line for line in job.lines if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith(f"error: {name}: ")
    return errors[0]


def tables(root: Path) -> set[str]:
    """The datasets of which anything was written, the log of runs aside."""
    found = {file.relative_to(root).parts[0] for file in root.rglob("*.parquet")}
    return found - {"runs", ".imgdedup"}


@pytest.mark.parametrize("name", SCANS)
def test_a_wrong_manifest_ends_the_scan(ended: dict[str, Ended], folder: Path, name: str) -> None:
    job = ended[name]
    assert SCANS[name][1] in message(job, "scan")
    assert job.status == 2
    assert tables(folder / name) == set()
    (run,) = read(folder / name, "runs")
    assert run["status"] == "failed"
    assert SCANS[name][1] in run["message"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_wrong_weights_end_embedding(ended: dict[str, Ended], name: str) -> None:
    said = message(ended[name], "embed")
    assert WEIGHTS[name][0] in said
    assert WEIGHTS[name][1] in said
    assert "Error" not in said
    assert ended[name].status == 2


def test_a_failed_day_can_be_run_again(ended: dict[str, Ended], folder: Path) -> None:
    assert ended["sound scan"].status == ended["sound embed"].status == 0
    assert tables(folder / "lake") == {"manifest", "embeddings"}


def test_a_root_that_is_a_file_is_refused(ended: dict[str, Ended], folder: Path) -> None:
    job = ended["a root that is a file"]
    assert str(folder / "file") in message(job, "embed")
    assert job.status == 2
    assert (folder / "file").read_text() == "This is a line of text.\n"


def test_an_unknown_setting_is_named(ended: dict[str, Ended], folder: Path) -> None:
    job = ended["an unknown setting"]
    assert "scan.hiden" in message(job, "embed")
    assert job.status == 2
    assert not (folder / "setting").exists()


def test_a_stage_before_its_time_says_what_to_run(ended: dict[str, Ended]) -> None:
    job = ended["embed before scan"]
    assert 'run the stage that writes "manifest"' in message(job, "embed")
    assert job.status == 2
    job = ended["index before fit"]
    assert "run the stage fit first" in message(job, "index")
    assert job.status == 2


def test_a_taken_port_and_a_silent_server_are_named(
    ended: dict[str, Ended], taken_port: int
) -> None:
    assert f"port {taken_port}" in message(ended["a taken port"], "index")
    assert f"http://127.0.0.1:{taken_port}" in message(ended["no server"], "index")
    assert ended["a taken port"].status == 2
    assert ended["no server"].status == 1  # it may be starting again


def test_a_day_without_readable_images_passes_every_stage(
    tmp_path: Path, in_one_process: Jobs
) -> None:
    schema = pa.schema([("image_id", pa.string()), ("uri", pa.string()), ("price", pa.int32())])
    for dt, rows in ((FIRST, []), (SECOND, [{"image_id": "a", "uri": "/none", "price": 7}])):
        partition = tmp_path / "manifest" / f"dt={dt}"
        partition.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows, schema), partition / "part-0.parquet")
    allowed = {"embed.most_failures": 1.0}
    jobs = [command(stage, tmp_path, FIRST) for stage in ("scan", "embed")]
    jobs += [command("scan,embed", tmp_path, SECOND)]
    jobs += [command(stage, tmp_path, SECOND, settings=allowed) for stage in STAGES]
    ended = in_one_process(jobs)
    refused = ended.pop(2)
    assert "1 of 1 images failed" in message(refused, "embed")
    assert "1 missing (such as /none)" in message(refused, "embed")
    assert refused.status == 2
    assert [job.status for job in ended] == [0] * len(ended)
    assert read(tmp_path, "deduplicated") == read(tmp_path, "manifest", SECOND)
    assert [row["failure"] for row in read(tmp_path, "embeddings")] == ["missing"]
    assert list((tmp_path / "embeddings" / f"dt={FIRST}").glob("*.parquet"))
    for dataset in ("candidates", "pairs", "groups", "deduplicated"):
        assert list((tmp_path / dataset / f"dt={SECOND}").glob("*.parquet"))
