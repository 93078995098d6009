"""What a scan lists: every file below a folder or prefix, under an id that stays the same."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from imgdedup.config import ScanConfig
from imgdedup.errors import ImageFailure, UserError
from imgdedup.sources import QUARANTINE, read_bytes
from imgdedup.stages.scan.folders import walk
from imgdedup.stages.scan.images import listing as rows_of

SHOWN = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=False)
ALL = ScanConfig("auto", "", "day", skip_hidden=False, follow_links_outside=False)
FOLLOWING = ScanConfig("auto", "", "day", skip_hidden=True, follow_links_outside=True)


@dataclass(frozen=True)
class Listing:
    """What a folder holds: the table of its files, and what was left out."""

    table: pa.Table
    hidden: int
    linked_folders: int


def list_images(location: str, config: ScanConfig) -> Listing:
    tree = walk(location, config)
    return Listing(rows_of(tree, config), tree.hidden, tree.linked_folders)


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.fsencode(name))


def ids(listing: Listing) -> list[str]:
    return [str(name) for name in listing.table["image_id"].to_pylist()]


def test_every_file_is_listed_in_order_by_its_path_below_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "b.jpg", "a/z.png", "a/b/c.txt", "a.jpg", "B.jpg", "no_suffix")
    listing = list_images(str(tmp_path), SHOWN)
    assert ids(listing) == ["B.jpg", "a.jpg", "a/b/c.txt", "a/z.png", "b.jpg", "no_suffix"]
    assert (listing.hidden, listing.linked_folders) == (0, 0)


def test_ids_do_not_depend_on_where_the_folder_is_or_how_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "photos", "a/b.jpg")
    (tmp_path / "link").symlink_to("photos")
    monkeypatch.chdir(tmp_path)
    for location in (
        "photos",
        "photos/",
        "./photos/../photos",
        "link",
        f"file://{tmp_path}/photos",
    ):
        assert ids(list_images(location, SHOWN)) == ["a/b.jpg"], location


def test_each_uri_reads_the_file_it_was_listed_for(tmp_path: Path) -> None:
    names = [b"a b.jpg", b"100%25.jpg", b"it's \"#?.jpg", "\U0001f600/\u00e9.jpg".encode()]
    names += [b"bad-\xff.jpg", b"line\nbreak.jpg", b"[1]{2}*.jpg", b"back\\slash.jpg"]
    put(tmp_path, *map(os.fsdecode, names))
    table = list_images(str(tmp_path), SHOWN).table
    assert {read_bytes(uri, 1000) for uri in table["uri"].to_pylist()} == set(names)


def test_bytes_of_a_name_that_are_not_utf_8_are_escaped_in_its_id(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"bad-\xff.jpg"), "good-\u00ff.jpg")
    assert ids(list_images(str(tmp_path), SHOWN)) == ["bad-\\xff.jpg", "good-\u00ff.jpg"]


def test_two_files_never_share_an_id(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"bad-\xff.jpg"), "bad-\\xff.jpg")
    with pytest.raises(UserError, match="file names that differ only in bytes"):
        list_images(str(tmp_path), SHOWN)


def test_hidden_files_and_folders_are_left_out_and_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", ".DS_Store", "b/.hidden.jpg", ".thumbnails/1.jpg")
    listing = list_images(str(tmp_path), SHOWN)
    assert (ids(listing), listing.hidden) == (["a.jpg"], 3)


def test_hidden_files_are_listed_where_the_configuration_says_so(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", ".thumbnails/1.jpg")
    listing = list_images(str(tmp_path), ALL)
    assert (ids(listing), listing.hidden) == ([".thumbnails/1.jpg", "a.jpg"], 0)


def test_a_quarantine_is_never_listed(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", f"{QUARANTINE}/1a2b/b.jpg", f"sub/{QUARANTINE}/1a2b/c.jpg")
    listing = list_images(str(tmp_path), ALL)
    assert (ids(listing), listing.hidden) == (["a.jpg"], 2)


def test_a_folder_below_a_hidden_one_is_a_folder_like_any_other(tmp_path: Path) -> None:
    put(tmp_path / ".cache" / "photos", "a.jpg")
    assert ids(list_images(str(tmp_path / ".cache" / "photos"), SHOWN)) == ["a.jpg"]


def test_links_to_files_are_listed_and_links_to_folders_counted(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg", "folder/b.jpg")
    (tmp_path / "to_file").symlink_to("a.jpg")
    (tmp_path / "to_nothing").symlink_to("nothing")
    (tmp_path / "to_folder").symlink_to("folder")
    (tmp_path / "to_itself").symlink_to("to_itself")
    (tmp_path / "folder" / "up").symlink_to("..")
    listing = list_images(str(tmp_path), SHOWN)
    assert ids(listing) == ["a.jpg", "folder/b.jpg", "to_file", "to_itself", "to_nothing"]
    assert listing.linked_folders == 2


def test_pipes_and_sockets_are_no_images(tmp_path: Path) -> None:
    put(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe")
    assert ids(list_images(str(tmp_path), SHOWN)) == ["a.jpg"]


def test_a_folder_without_a_file_stops_the_run(tmp_path: Path) -> None:
    put(tmp_path, ".hidden")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="there is no file in"):
        list_images(str(tmp_path), SHOWN)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        list_images(str(tmp_path / "nowhere"), SHOWN)


def test_objects_below_a_prefix_are_listed_like_files(store: Path) -> None:
    put(store, "photos/b c.jpg", "photos/a/d.jpg", "photos/.x/e.jpg", "others/f.jpg", "photos2/g")
    for location in ("s3a://lake/photos", "s3a://lake/photos/"):
        listing = list_images(location, SHOWN)
        assert ids(listing) == ["a/d.jpg", "b c.jpg"]
        uris = listing.table["uri"].to_pylist()
        assert uris == ["s3a://lake/photos/a/d.jpg", "s3a://lake/photos/b c.jpg"]
        assert [read_bytes(uri, 99) for uri in uris] == [b"photos/a/d.jpg", b"photos/b c.jpg"]
        assert listing.hidden == 1


def test_a_whole_bucket_is_listed(store: Path) -> None:
    put(store, "a.jpg", "b/c.jpg")
    assert ids(list_images("s3://lake", SHOWN)) == ["a.jpg", "b/c.jpg"]


def test_a_prefix_that_cannot_be_listed_is_named(store: Path) -> None:
    put(store, "a.jpg")
    with pytest.raises(UserError, match="cannot list s3://lake/nothing"):
        list_images("s3://lake/nothing", SHOWN)


def test_a_store_without_a_reader_is_named() -> None:
    with pytest.raises(UserError, match="cannot list nonsense://lake"):
        list_images("nonsense://lake", SHOWN)


def test_links_lead_out_of_the_folder_only_where_the_configuration_says_so(tmp_path: Path) -> None:
    put(tmp_path, "photos/a.jpg", "photos/b/c d.jpg", "secret")
    links = {"in": "b/c d.jpg", "out": "../secret", "passwords": "/etc/passwd", "gone": "nowhere"}
    for name, target in links.items():
        (tmp_path / "photos" / name).symlink_to(target)
    outcomes = dict.fromkeys(("a.jpg", "b/c d.jpg", "in"), "read")
    outside = {"out": "forbidden", "passwords": "forbidden", "gone": "missing"}
    for config, expected in ((SHOWN, outside), (FOLLOWING, outside | {"out": "read"})):
        table = list_images(str(tmp_path / "photos"), config).table
        found = {row["image_id"]: outcome(row["uri"]) for row in table.to_pylist()}
        expected = outcomes | expected | ({"passwords": "too_large"} if config is FOLLOWING else {})
        assert found == expected


def outcome(uri: str) -> str:
    try:
        read_bytes(uri, 50)
    except ImageFailure as failure:
        return failure.code
    return "read"


def test_a_tree_may_be_deeper_than_a_path_and_the_stack_of_python(tmp_path: Path) -> None:
    handle = os.open(tmp_path, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("folder", dir_fd=handle)
        below = os.open("folder", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = below
    os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.symlink("a.jpg", "link", dir_fd=handle)
    os.close(handle)
    table = list_images(str(tmp_path), SHOWN).table
    names = [f"{'folder/' * 3000}{name}" for name in ("a.jpg", "link")]
    assert table["image_id"].to_pylist() == names
    found = [outcome(uri) for uri in table["uri"].to_pylist()]
    assert found == ["empty", "forbidden"]  # the system does not tell where so deep a link leads
    # pytest cannot remove so deep a tree.
    subprocess.run(["rm", "-r", tmp_path / "folder"], check=True)
