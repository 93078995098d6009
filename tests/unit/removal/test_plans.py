"""What a plan takes, what it refuses, and what limits leave out."""

import json
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from benchmarks.removal.lake import DAY, Seen, read_folder, write_tables
from imgdedup.errors import TryAgain, UserError
from imgdedup.removal import commands
from imgdedup.removal.limits import Limits
from tests.unit.removal.planning import ALL, planned

NEXT = "2026-01-02"


def left_out(root: str, data: Path, limits: Limits = ALL) -> dict[str, int]:
    write_tables(root, {DAY: read_folder(data)})
    return dict(commands.plan(root, limits).left_out)


def test_the_same_tables_and_limits_give_the_same_plan(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    assert commands.plan(root, ALL).id == plan_id
    assert commands.plan(root, Limits()).id != plan_id
    (data / "new.jpg").write_bytes(b"2/x")
    assert planned(root, data) != plan_id


def test_a_file_with_a_name_that_is_kept_stays(root: str, data: Path) -> None:
    """The other name is on another day, where the file was another image."""
    for name in ("hard.jpg", "late.jpg"):
        os.link(data / "b.jpg", data / name)
    seen = read_folder(data)
    by_name = {image.image_id: image for image in seen}
    kept = by_name["hard.jpg"]
    other = Seen("hard.jpg", kept.uri, b"7/alone", kept.file_key, kept.inode)
    days = {DAY: [by_name[name] for name in ("a.jpg", "b.jpg", "sub/c.jpg")], NEXT: [other]}
    write_tables(root, days)
    made = commands.plan(root, ALL)
    assert dict(made.left_out) == {"its file is also that of an image that is kept": 1}
    assert made.images == 1


def test_an_image_goes_only_if_it_goes_on_all_its_days(root: str, data: Path) -> None:
    first = read_folder(data)
    (data / "b.jpg").write_bytes(b"3/by now another")
    write_tables(root, {DAY: first, NEXT: read_folder(data)})
    made = commands.plan(root, ALL)
    assert dict(made.left_out) == {"its file is also that of an image that is kept": 1}
    assert made.images == 1


def test_an_image_that_failed_on_another_day_stays(root: str, data: Path) -> None:
    first = read_folder(data)
    unread = Seen("b.jpg", str(data / "b.jpg"), b"8/never read", None)
    write_tables(root, {DAY: first, NEXT: [unread]})
    assert commands.plan(root, ALL).images == 1


@pytest.mark.parametrize(
    ("uri", "file_key", "why"),
    [
        ("https://host/b.jpg", "https://host/b.jpg", "behind https"),
        ("hdfs://node/b.jpg", "hdfs://node/b.jpg", "behind hdfs"),
        ("file:///data/x.tar#b.jpg", "file:///data/x.tar#b.jpg", "member of an archive"),
        ("s3://data/x.zip#b.jpg", "s3://data/x.zip#b.jpg", "member of an archive"),
        ("anything", "", "in the manifest"),
        ("/data/b.jpg", None, "never read"),
        ("/data/../b.jpg", "file:///b.jpg", "normal form"),
        ("/d/.imgdedup-quarantine/x/b.jpg", "file:///d/.imgdedup-quarantine/x/b.jpg", "already"),
    ],
)
def test_what_cannot_be_moved_is_refused(
    root: str, data: Path, uri: str, file_key: str | None, why: str
) -> None:
    other = Seen("z", uri, b"1/same", file_key)
    write_tables(root, {DAY: [*read_folder(data), other]})
    made = commands.plan(root, ALL)
    assert made.images == 2
    (reason,) = made.left_out
    assert why in reason


def test_limits_leave_out_and_say_so(root: str, data: Path) -> None:
    assert left_out(root, data, Limits()) == {
        "its keeper lies in another source (ACROSS)": 1,
    }
    assert left_out(root, data, Limits(across=True)) == {
        "its folder would lose too many of its images (MOST_SHARE)": 1
    }
    assert left_out(root, data, Limits(1, 1.0, (), across=True)) == {
        "the plan has as many images as it may (MOST_IMAGES)": 1
    }
    protected = Limits(protected=(str(data / "sub"), str(data / "b.jp")), across=True)
    (data / "b.jp").mkdir()
    assert left_out(root, data, protected) == {"it is protected (PROTECT)": 1}


@pytest.mark.parametrize(
    "place",
    [
        "{data}/sub",
        " {data}/sub ",
        "{data}/sub/",
        "{link}/sub",
        "~/sub",
        "{uri}/sub",
        "{link}/../data/sub",  # what `..` leads to depends on where the link leads
        "{data}/../a second name of c.jpg",
    ],
)
def test_a_protected_place_may_be_spelled_in_any_way(
    root: str, data: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = data.parent / "link"
    link.symlink_to(data)
    os.link(data / "sub/c.jpg", data.parent / "a second name of c.jpg")
    monkeypatch.setenv("HOME", str(link))
    spelled = place.format(data=data, link=link, uri=data.as_uri())
    limits = Limits(most_share=1.0, across=True, protected=(spelled,))
    assert left_out(root, data, limits) == {"it is protected (PROTECT)": 1}


def test_images_that_are_seen_through_a_link_are_protected_where_they_are(
    root: str, data: Path
) -> None:
    real = data.parent / "real"
    data.rename(real)
    data.symlink_to(real)
    seen = [Seen(image.image_id, image.uri, image.data, image.uri) for image in read_folder(data)]
    write_tables(root, {DAY: seen})
    made = commands.plan(root, Limits(most_share=1.0, across=True, protected=(str(real / "sub"),)))
    assert dict(made.left_out) == {"it is protected (PROTECT)": 1}


@pytest.mark.parametrize("place", ["{data}/mistyped", "{data}/*", "s3://bucket/x", "sub", "~/x"])
def test_a_protected_place_where_nothing_is_stops_a_plan(root: str, data: Path, place: str) -> None:
    write_tables(root, {DAY: read_folder(data)})
    limits = Limits(protected=(place.format(data=data),))
    with pytest.raises(UserError, match="names no place and no image"):
        commands.plan(root, limits)
    assert not Path(root, "plan").exists()


def test_a_protected_place_that_is_away_counts_by_its_images(root: str, data: Path) -> None:
    write_tables(root, {DAY: read_folder(data)})
    data.rename(data.parent / "away")
    limits = Limits(most_share=1.0, across=True, protected=(str(data / "sub"),))
    assert dict(commands.plan(root, limits).left_out) == {"it is protected (PROTECT)": 1}


def test_a_day_in_the_name_of_the_scanned_folder_makes_no_other_source(
    root: str, tmp_path: Path
) -> None:
    for day in (DAY, NEXT):
        (tmp_path / day / "cam").mkdir(parents=True)
        (tmp_path / day / "cam" / f"{day}.jpg").write_bytes(b"1/same")
    write_tables(root, {day: read_folder(tmp_path / day) for day in (DAY, NEXT)})
    made = commands.plan(root, Limits(most_share=1.0))
    assert list(made.by_source) == [f"{tmp_path.as_uri()}/{{dt}}/cam"]


@pytest.mark.parametrize("form", ["/{place}", "file:/{place}", "file:///{escaped}", "s3a:/{place}"])
def test_ids_that_no_uri_ends_in_leave_the_folder_that_holds_all(root: str, form: str) -> None:
    def seen(number: int, folder: str, data: bytes) -> Seen:
        place = f"bucket/my photos/{folder}/{number}.jpg"
        uri = form.format(place=place, escaped=quote(place))
        key = f"s3://{place}" if uri.startswith("s3") else f"file:///{quote(place)}"
        return Seen(f"image {number}", uri.replace("s3a:/", "s3a://"), data, key)

    folders = ["train/a", "train/b", "test/a"]
    write_tables(root, {DAY: [seen(n, folder, b"1/x") for n, folder in enumerate(folders)]})
    made = commands.plan(root, Limits(most_share=1.0))
    assert dict(made.left_out) == {"its keeper lies in another source (ACROSS)": 1}
    (source,) = made.by_source
    assert source.rpartition("/")[2] == "train"


def test_a_plan_stays_fresh_while_markers_tell_the_same_rows(root: str, data: Path) -> None:
    plan_id = planned(root, data)
    for table in ("groups", "embeddings"):
        mark(Path(root, table, f"dt={DAY}"), "part-0.parquet", "aa")
    with pytest.raises(UserError, match="older than the tables"):
        commands.apply(root, plan_id)
    plan_id = commands.plan(root, ALL).id
    day = Path(root, "groups", f"dt={DAY}")
    (day / "part-0.parquet").rename(day / "part-1.parquet")
    with pytest.raises(TryAgain, match="has other files than its marker says"):
        commands.apply(root, plan_id)
    mark(day, "part-1.parquet", "aa")
    assert commands.apply(root, plan_id).images == 2


def mark(folder: Path, name: str, rows: str) -> None:
    marker = {"rows": 3, "hash": rows, "files": [name]}
    (folder / "_complete.json").write_text(json.dumps(marker))
