"""What a location holds: a folder of images, Parquet in one place or several, or another format."""

import os
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.config import ScanConfig
from imgdedup.errors import Missing, UserError
from imgdedup.stages.scan.finding import Images, Parquet, Table, find

AUTO = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=False)
IMAGES = ScanConfig("images", "", "day", skip_hidden=True, follow_links_outside=False)
MANIFEST = ScanConfig("manifest", "", "day", skip_hidden=True, follow_links_outside=False)
DAY = "2026-03-09"


def put(folder: Path, *names: str) -> None:
    """Write files; those that are to be Parquet are empty tables."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith((".parquet", ".pq")) or path.name.startswith("part"):
            pq.write_table(pa.table({"image_id": pa.array([], pa.string())}), path)
        else:
            path.write_bytes(os.fsencode(name))


def files(location: str, config: ScanConfig = AUTO) -> list[str] | None:
    """The Parquet files of a location, relative to its places; None for images."""
    found = find(location, DAY, config)
    if isinstance(found, Images):
        return None
    assert isinstance(found, Parquet)
    return [name for place in found.places for name in place.names]


@pytest.mark.parametrize(
    "names",
    [
        ["part-0.parquet"],
        ["part-0.parquet", "part-1.parquet", "README.md"],
        ["source=a/part-0.parquet", "source=b/part-0.parquet"],
        ["year=2026/month=01/deep/er/part-0.parquet"],
        ["2026/01/part-0.parquet", "2026/02/part-0.parquet"],
        ["source=a/part-00000", "source=b/part-00000"],
        ["UPPER.PARQUET"],
    ],
)
def test_a_folder_with_parquet_at_any_depth_is_a_manifest(tmp_path: Path, names: list[str]) -> None:
    put(tmp_path, *names, "_SUCCESS", "_temporary/0/part-9.parquet", ".crc/part-8.parquet")
    expected = sorted(name for name in names if name != "README.md")
    assert files(str(tmp_path)) == expected
    assert files(f"{tmp_path}/") == expected
    assert files(tmp_path.as_uri()) == expected


@pytest.mark.parametrize(
    "names",
    [
        ["a.jpg"],
        ["deep/down/features.parquet", "a.jpg"],
        ["x"],
        [f"dt={DAY}", "dt=2026-01-01/a.jpg", "dt=zzz", "dt="],
        ["source=a/b.jpg", "source=b/.part-0.parquet"],
    ],
)
def test_a_folder_without_a_manifest_is_images(tmp_path: Path, names: list[str]) -> None:
    put(tmp_path, *names)
    assert files(str(tmp_path)) is None


def test_parquet_among_images_is_read_only_when_told_how(tmp_path: Path) -> None:
    put(tmp_path / "flat", "metadata.parquet", "a.jpg")
    put(tmp_path / "hive", "dt=zzz.jpg", "dt=2026-03-08/part-0.parquet")
    for name in ("flat", "hive"):
        with pytest.raises(UserError, match=r"holds both images \(.*scan\.format"):
            find(f"{tmp_path}/{name}", DAY, AUTO)
    assert files(f"{tmp_path}/flat", IMAGES) is None
    assert files(f"{tmp_path}/flat", MANIFEST) == ["metadata.parquet"]
    assert files(f"{tmp_path}/flat/metadata.parquet") == ["metadata.parquet"]


def test_folders_of_days_choose_the_day_at_any_depth(tmp_path: Path) -> None:
    put(tmp_path / "days", f"dt={DAY}/part-0.parquet", "dt=2026-03-08/part-0.parquet")
    put(tmp_path / "deep", f"source=a/dt={DAY}/p.parquet", "source=b/dt=2026-03-08/p.parquet")
    put(tmp_path / "others", "dt=2026-03-08/part-0.parquet")
    put(tmp_path / "mixed", f"dt={DAY}/part-0.parquet", "part-1.parquet")
    assert files(f"{tmp_path}/days") == [f"dt={DAY}/part-0.parquet"]
    assert files(f"{tmp_path}/deep") == [f"source=a/dt={DAY}/p.parquet"]
    with pytest.raises(Missing, match=f"has no partition dt={DAY}"):
        find(f"{tmp_path}/others", DAY, AUTO)
    with pytest.raises(UserError, match=r"files outside of its partitions dt=.*part-1\.parquet"):
        find(f"{tmp_path}/mixed", DAY, AUTO)


def test_a_file_is_a_manifest_by_its_bytes(tmp_path: Path) -> None:
    put(tmp_path, "part-without-an-ending", "a.jpg")
    (tmp_path / "text.parquet").write_text("a line of text")
    (tmp_path / "secret.parquet").write_bytes(b"PARE and more")
    assert files(f"{tmp_path}/part-without-an-ending") == ["part-without-an-ending"]
    for name, message in {
        "a.jpg": "is a file, and neither Parquet nor",
        "text.parquet": "no Parquet that can be read",
        "secret.parquet": "is encrypted",
    }.items():
        with pytest.raises(UserError, match=f"{name}.*{message}"):
            find(f"{tmp_path}/{name}", DAY, AUTO)


def test_a_location_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("nowhere", "none.parquet", "no*ne.parquet", "x" * 5000, "nul\0byte"):
        with pytest.raises(Missing, match=r"there is no folder or file|nothing matches"):
            find(f"{tmp_path}/{name}", DAY, AUTO)


def test_several_places_and_patterns_are_one_manifest(tmp_path: Path) -> None:
    put(
        tmp_path, "a/date=1/x.parquet", "a/date=2/y.parquet", "b/c.parquet", "b/note.txt", "e/f.jpg"
    )
    assert files(f"{tmp_path}/a/date=*") == ["date=1/x.parquet", "date=2/y.parquet"]
    assert files(f"{tmp_path}/*/[bc].parquet") == ["b/c.parquet"]
    assert files(f"{tmp_path}/**/*.parquet") == [
        "a/date=1/x.parquet",
        "a/date=2/y.parquet",
        "b/c.parquet",
    ]
    assert files(f"{tmp_path}/b/c.parquet,{tmp_path}/a/date=?") == [
        "c.parquet",
        "date=1/x.parquet",
        "date=2/y.parquet",
    ]
    with pytest.raises(UserError, match=r"matches no Parquet file, but f\.jpg"):
        find(f"{tmp_path}/e/*.jpg", DAY, AUTO)
    with pytest.raises(UserError, match="only Parquet files are read from several places"):
        find(f"{tmp_path}/b/c.parquet,{tmp_path}/e", DAY, AUTO)


def test_a_name_that_looks_like_a_pattern_or_a_list_is_taken_as_it_is(tmp_path: Path) -> None:
    put(tmp_path, "a[1]*,/b,c.parquet", "a1/other.parquet", "a[1]*,/x?.parquet")
    assert files(f"{tmp_path}/a[1]*,/b,c.parquet") == ["b,c.parquet"]
    assert files(f"{tmp_path}/a[1]*,") == ["b,c.parquet", "x?.parquet"]


@pytest.mark.parametrize(
    ("name", "kind", "source"),
    [
        ("it's.csv", "CSV", "read_csv('{}/it''s.csv', all_varchar=true)"),
        ("rows.TSV.gz", "CSV", "read_csv('{}/rows.TSV.gz', all_varchar=true)"),
        ("rows.jsonl", "JSON", "'{}/rows.jsonl'"),
        ("folder", "JSON", "'{}/folder/**/*.json'"),
    ],
)
def test_texts_are_refused_with_the_command_that_converts_them(
    tmp_path: Path, name: str, kind: str, source: str
) -> None:
    put(tmp_path, "it's.csv", "rows.TSV.gz", "rows.jsonl", "folder/a.json", "folder/b/c.json")
    folder = tmp_path / "folder" if name == "folder" else tmp_path
    sql = f"COPY (FROM {source.format(tmp_path)}) TO '{folder}/manifest.parquet'"
    with pytest.raises(UserError) as refused:
        find(f"{tmp_path}/{name}", DAY, AUTO)
    assert f"is {kind}, and a manifest is Parquet" in str(refused.value)
    assert shlex.split(str(refused.value).partition("  ")[2]) == ["duckdb", "-c", sql]


def test_texts_of_several_formats_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", "b.jsonl")
    with pytest.raises(UserError, match=r"files of the formats \.csv, \.jsonl"):
        find(str(tmp_path), DAY, AUTO)


def test_a_table_is_not_read_by_way_of_its_files_or_a_folder_above(tmp_path: Path) -> None:
    put(tmp_path, "lake/t/_delta_log/0.json", "lake/t/s=1/part-0.parquet", "lake/x.parquet")
    put(tmp_path, "ice/metadata/0.metadata.json", "ice/data/part-0.parquet")
    put(tmp_path, "ice/metadata/version-hint.text")
    (tmp_path / "empty" / "_delta_log").mkdir(parents=True)
    put(tmp_path / "empty", "part-0.parquet")
    assert find(f"{tmp_path}/empty", DAY, AUTO) == Table(f"{tmp_path}/empty", "Delta")
    for place in (
        "lake",
        "lake/*",
        "lake/t/s=1/part-0.parquet",
        "lake/t/*/*.parquet",
        "ice/data/*",
    ):
        with pytest.raises(UserError, match=r"give the (table's folder|folder of the table)"):
            find(f"{tmp_path}/{place}", DAY, AUTO)


def test_no_file_of_a_manifest_is_left_out_in_silence(tmp_path: Path) -> None:
    put(tmp_path, "a.parquet", "b.pq", "part-c", "part-d.parquet.gz", "note.txt")
    assert files(str(tmp_path)) == ["a.parquet", "b.pq", "part-c", "part-d.parquet.gz"]
    put(tmp_path / "only", "b.pq", "c.parq")
    (tmp_path / "only" / "c.parq").write_bytes((tmp_path / "a.parquet").read_bytes())
    assert files(f"{tmp_path}/only") == ["b.pq", "c.parq"]
    (tmp_path / "linked").symlink_to("only")
    with pytest.raises(UserError, match="links to folders, which are not followed"):
        find(str(tmp_path), DAY, AUTO)


@pytest.mark.parametrize(
    ("names", "format"),
    [
        (["_delta_log/00000000000000000000.json", "part-0.parquet"], "Delta"),
        (["metadata/00000-1.metadata.json", "data/part-0.parquet"], "Iceberg"),
        ([".hoodie/hoodie.properties", "part-0.parquet"], "Hudi"),
    ],
)
def test_tables_with_a_log_of_their_own_are_never_read_as_plain_parquet(
    tmp_path: Path, names: list[str], format: str
) -> None:
    put(tmp_path, *names)
    for config in (AUTO, MANIFEST):
        assert find(str(tmp_path), DAY, config) == Table(str(tmp_path), format)
    assert files(str(tmp_path), IMAGES) is None


def test_objects_are_found_like_files(store: Path) -> None:
    put(store, "m/part-0.parquet", "photos/a.jpg", f"days/dt={DAY}/part-0.parquet", "p/s=1/part-2")
    assert files("s3://lake/m") == ["part-0.parquet"]
    assert files("s3a://lake/m/part-0.parquet") == ["part-0.parquet"]
    assert files("s3://lake/days/") == [f"dt={DAY}/part-0.parquet"]
    assert files("s3://lake/photos") is None
    assert files("s3://lake/p") == ["s=1/part-2"]
    assert files("s3://lake/*/part-?.parquet,s3://lake/p/s=[!2]") == [
        "m/part-0.parquet",
        "s=1/part-2",
    ]
    found = find("s3://lake/d*/**/part-0.parquet", DAY, AUTO)
    assert isinstance(found, Parquet)
    assert [place.path(name) for place in found.places for name in place.names] == [
        f"s3://lake/days/dt={DAY}/part-0.parquet"
    ]
