"""What the numbers of the pages count where several names or days lead to one file."""

from datetime import datetime
from pathlib import Path

from imgdedup.report import pages
from tests.small_lakes import DAYS, image, member, write
from tests.unit.report.reading import read, words_of


def test_numbers_count_a_file_of_several_names_once(tmp_path: Path) -> None:
    one = {"inode": "8:1", "size_bytes": 1000}
    rows = [image("a", size_bytes=1000), image("b", **one), image("c", **one)]
    write(tmp_path, "embeddings", DAYS[0], rows)
    write(tmp_path, "embeddings", DAYS[1], [image("b", **one)])
    members = [member("a", "a", "a"), member("b", "a", "a"), member("c", "a", "a")]
    write(tmp_path, "groups", DAYS[0], members)
    write(tmp_path, "groups", DAYS[1], [member("b", "a", "a")])
    pages.write(str(tmp_path))
    said = words_of(read(tmp_path)["index.html"])
    assert "Removal saves 1.0 KB 50 % of the bytes of the files" in said


def test_files_that_an_earlier_day_lists_are_said_to_count_there(tmp_path: Path) -> None:
    for day in DAYS:
        write(tmp_path, "embeddings", day, [image("a"), image("b")])
        write(tmp_path, "groups", day, [member("a", "a", "a"), member("b", "a", "a")])
        started = datetime.fromisoformat(f"{day}T10:00:00+00:00")
        row = {"run_id": day, "stage": "group", "status": "succeeded", "started_at": started}
        write(tmp_path, "runs", day, [row])
    pages.write(str(tmp_path))
    said = [words_of(page) for name, page in sorted(read(tmp_path).items()) if "run-" in name]
    assert ["An earlier day lists the same files" in words for words in said].count(True) == 1
    assert not any("Nothing is to be removed" in words for words in said)
