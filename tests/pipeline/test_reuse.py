"""The job embed on images that come again: what it embeds, and what `runs` tells of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.conftest import FIRST, SECOND
from tests.pipeline.jobs import Jobs, command, read
from tests.stand_ins import encoded, picture

OLD = {f"{n}.jpg": encoded(picture(n, 200, 150), "JPEG") for n in range(4)}
NEW = {"new.png": encoded(picture(9))}
BROKEN = {"broken.jpg": b"no picture"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, in_one_process: Jobs) -> Path:
    """A lake after the first day, the first day again, and a second day with the same images."""
    root = tmp_path_factory.mktemp("lake")
    images = tmp_path_factory.mktemp("images")
    for dt, files in ((FIRST, OLD | BROKEN), (SECOND, OLD | NEW)):
        (images / dt).mkdir()
        for name, data in files.items():
            (images / dt / name).write_bytes(data)
    mended = {"broken.jpg": encoded(picture(8, 60, 60), "JPEG")}
    steps: list[tuple[str, str, dict[str, bytes]]] = [
        ("first", FIRST, {}),
        ("again", FIRST, {}),
        ("second", SECOND, {}),
        ("mended", FIRST, mended),
    ]
    for run_id, dt, changes in steps:
        for name, data in changes.items():
            (images / dt / name).write_bytes(data)
        jobs = [
            command(stage, root, dt, str(images / dt), run_id=run_id) for stage in ("scan", "embed")
        ]
        assert [ended.status for ended in in_one_process(jobs)] == [0, 0]
    return root


def told(root: Path) -> list[dict[str, Any]]:
    runs = [row for row in read(root, "runs") if row["stage"] == "embed"]
    return [dict(row["details"]) for row in sorted(runs, key=lambda row: row["started_at"])]


def test_runs_tells_how_many_images_were_embedded_reused_and_healed(root: Path) -> None:
    figures = [(row["embedded"], row["reused"], row["healed"]) for row in told(root)]
    assert figures == [("4", "0", "0"), ("0", "4", "0"), ("1", "4", "0"), ("1", "4", "1")]
    failures = [row["failures"] for row in told(root)]
    assert failures == ["not_an_image 1", "not_an_image 1", "none", "none"]


def test_the_network_computes_nothing_when_nothing_is_new(root: Path) -> None:
    assert [row["model_seconds"] == "0.0" for row in told(root)] == [False, True, False, False]


def test_copies_of_one_content_have_the_same_embedding_on_both_days(root: Path) -> None:
    columns = (
        "content_id",
        "format",
        "width",
        "height",
        "embedding",
        "local",
        "features",
        "thumbnail",
        "model",
    )
    days = [
        {row["image_id"]: [row[name] for name in columns] for row in read(root, "embeddings", dt)}
        for dt in (FIRST, SECOND)
    ]
    assert {name: days[0][name] for name in OLD} == {name: days[1][name] for name in OLD}
    assert all(row[4] is not None for day in days for row in day.values())
