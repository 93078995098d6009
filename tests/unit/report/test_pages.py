"""The pages of a report: what they hold, whatever the lake holds, and how they replace the last."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from imgdedup.console import visible
from imgdedup.errors import UserError
from imgdedup.report import __main__, gallery, pages, tables
from imgdedup.report.counting import source_of
from tests.small_lakes import DAYS, HOSTILE, content_of, image, member, small_lake, write
from tests.unit.report.reading import Page, files, groups, read, words_of


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = small_lake(tmp_path_factory.mktemp("lake"))
    assert pages.write(str(root)) == f"{root}/report/index.html"
    return root


def test_the_index_tells_counts_failures_runs_and_the_certificate(lake: Path) -> None:
    text = words_of(read(lake)["index.html"])
    for words in (
        "Images 10",
        "Could not be read 1",
        "Pairs of copies 6",
        "To remove 7",
        "truncated",
        "mirrored, cropped",
        "file:///photos/hostile",
        "0.9990",
        "✓ succeeded",
        "Largest groups",
    ):
        assert words in text, words


def test_every_run_has_a_page_with_its_own_days(lake: Path) -> None:
    found = {name: page for name, page in read(lake).items() if name.startswith("run-")}
    assert len(found) == 2
    first, second = sorted(found.values(), key=lambda page: DAYS[1] in page.text[:400])
    assert "Images 3 " in words_of(first)
    assert "Every image could be read." in words_of(second)
    assert "on a sample of 200 contents" in words_of(second)


def test_a_pair_has_its_map_its_crop_and_both_images(lake: Path) -> None:
    (whole,) = (group for group in groups(lake) if group["id"] == "bridge/whole.png")
    exact, near = sorted(whole["pairs"], key=lambda pair: pair["kind"])
    assert (near["edit"], near["parts"]) == ("mirrored, cropped to 50%", ["cropped", "mirrored"])
    assert (near["wider"], near["crop"], near["across"]) == (1, [0.5, 0.0, 1.0, 1.0], 1)
    assert near["map"][0] == (-2.0 if near["from_keeper"] else -0.5)
    keeper, copy = whole["images"][near["keeper"]], whole["images"][near["copy"]]
    assert (keeper["width"], keeper["format"], keeper["days"]) == (1600, "PNG", [DAYS[0]])
    assert (copy["width"], copy["size"], copy["source"]) == (800, 40_000, "file:///photos/bridge")
    assert exact["kind"] == "exact"
    assert "correlation" not in exact


def test_the_weakest_group_comes_first(lake: Path) -> None:
    assert [group["id"] for group in groups(lake)] == ["bridge/whole.png", f"hostile/{HOSTILE[0]}"]


def test_hostile_names_stay_text(lake: Path) -> None:
    names = {image["name"] for group in groups(lake) for image in group["images"]}
    assert {f"hostile/{name}" for name in HOSTILE} <= names  # the data have them as they are
    for name, page in read(lake).items():
        assert {tag for tag, _ in page.tags if tag == "img"} == set(), name
        assert "\u202e" not in page.text
        scripts = [attributes for tag, attributes in page.tags if tag == "script"]
        assert all(re.fullmatch(r"[a-z]+(-\d{3})?\.js", str(s["src"])) for s in scripts)
        assert not any({"style", "onerror", "onclick"} & set(a) for _, a in page.tags)
    index = read(lake)["index.html"].text
    assert HOSTILE[0] in index
    data = b"".join(body for name, body in files(lake).items() if "/groups-" in name)
    assert b"<" not in data


def test_every_page_allows_nothing_but_its_own_files(lake: Path) -> None:
    for page in read(lake).values():
        (policy,) = (
            str(attributes["content"])
            for tag, attributes in page.tags
            if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none'; ")
        assert "unsafe" not in policy
        assert "http" not in policy


def test_links_lead_to_files_of_the_report(lake: Path) -> None:
    for path in (lake / "report").rglob("*.html"):
        for _, attributes in Page(path.read_text(encoding="utf-8")).tags:
            place = attributes.get("href") or attributes.get("src")
            if place and not place.startswith("#"):
                assert (path.parent / place.partition("#")[0]).is_file(), place


def test_a_content_without_a_thumbnail_is_marked_as_unseen(tmp_path: Path) -> None:
    write(tmp_path, "embeddings", DAYS[0], [image("a"), image("b", thumbnail=None)])
    write(tmp_path, "groups", DAYS[0], [member("a", "a", "a"), member("b", "a", "a")])
    pages.write(str(tmp_path))
    (group,) = groups(tmp_path)
    assert [(image["name"], image["seen"]) for image in group["images"]] == [("a", 1), ("b", 0)]


def test_content_ids_that_are_none_name_no_file(tmp_path: Path) -> None:
    write(tmp_path, "embeddings", DAYS[0], [image("a"), image("b", content_id="../../../b")])
    rows = [member("a", "a", "a"), member("b", "a", "a", content_id="../../../b")]
    write(tmp_path, "groups", DAYS[0], rows)
    pages.write(str(tmp_path))
    assert [image["seen"] for image in groups(tmp_path)[0]["images"]] == [1, 0]
    assert not (tmp_path.parent / "b.jpg").exists()


@pytest.mark.parametrize(
    "left_out", [("runs",), ("pairs", ".imgdedup/verdicts"), ("groups", "pairs"), ("candidates",)]
)
def test_a_lake_without_some_tables_has_a_report(tmp_path: Path, left_out: tuple[str, ...]) -> None:
    root = small_lake(tmp_path)
    for name in left_out:
        shutil.rmtree(root / name)
    pages.write(str(root))
    found = read(root)
    assert {"index.html", "gallery.html"} <= found.keys()
    assert len(groups(root)) == (0 if "groups" in left_out else 2)


def test_a_lake_of_an_earlier_version_has_a_report(tmp_path: Path) -> None:
    root = small_lake(tmp_path)
    new = {"frame_map", "keeper_content", "file_key", "inode", "originals", "details", "decoder"}
    for path in root.rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        pq.write_table(table.drop_columns(sorted(new & set(table.column_names))), path)
    pages.write(str(root))
    (near,) = (p for group in groups(root) for p in group["pairs"] if p["edit"][:4] == "mirr")
    assert "map" not in near
    assert near["crop"] == [0.5, 0.0, 1.0, 1.0]
    assert all(image["seen"] for group in groups(root) for image in group["images"])


def test_only_so_many_groups_and_copies_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{letter}{number}" for letter in "abc" for number in range(4)]
    write(tmp_path, "embeddings", DAYS[0], [image(name) for name in names])
    rows = [
        member(name, f"{name[0]}0", name[0], correlation=0.9 + int(name[1]) / 100) for name in names
    ]
    write(tmp_path, "groups", DAYS[0], rows)
    fewer = gallery._CHOSEN.replace("<= 10000", "<= 2").replace("<= 30", "<= 2")
    monkeypatch.setattr(gallery, "_CHOSEN", fewer)
    pages.write(str(tmp_path))
    assert [len(group["pairs"]) for group in groups(tmp_path)] == [2, 2]
    assert "4 of 9 copies, in 2 of 3 groups." in read(tmp_path)["gallery.html"].text


def run(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The status and the line of the command."""
    monkeypatch.setattr("sys.argv", ["report", "--root", str(root)])
    status = __main__.main()
    (line,) = capsys.readouterr().out.splitlines()
    return f"{status} {line}"


def test_a_wrong_root_is_one_line_and_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match="there are no tables under"):
        pages.write(str(tmp_path))
    told = run(tmp_path / "none", monkeypatch, capsys)
    assert told.startswith("2 imgdedup: error: there are no tables under")


def test_a_report_that_cannot_be_written_is_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "embeddings", DAYS[0], [image("a")])
    assert run(tmp_path, monkeypatch, capsys).startswith("0 imgdedup: the report is")
    shutil.rmtree(tmp_path / "report")
    (tmp_path / "report").write_text("a file")
    assert "1 imgdedup: error: the report was not written" in run(tmp_path, monkeypatch, capsys)


def test_text_that_is_no_text_is_one_line_and_status_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "embeddings", DAYS[0], [image("a"), image("b")])
    rows = pa.Table.from_pylist([member("b", "a", "a"), member("a", "a", "a")])
    offsets = pa.array([0, 3, 6], pa.int32()).buffers()[1]
    surrogates = pa.py_buffer(b"\xed\xa0\x80" * 2)
    broken = pa.Array.from_buffers(pa.string(), 2, [None, offsets, surrogates])
    rows = rows.set_column(rows.column_names.index("edit"), "edit", broken)
    (tmp_path / "groups/dt=2026-01-01").mkdir(parents=True)
    pq.write_table(rows, tmp_path / "groups/dt=2026-01-01/part-0.parquet")
    assert "1 imgdedup: error: the report was not written" in run(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("only", ["runs", "embeddings", "pairs"])
def test_a_lake_with_one_table_has_a_report(tmp_path: Path, only: str) -> None:
    root = small_lake(tmp_path)
    for folder in list(root.iterdir()):
        if folder.name != only:
            shutil.rmtree(folder)
    pages.write(str(root))
    assert "0 of 0 copies" in read(root)["gallery.html"].text


def test_a_run_for_a_range_of_days_has_the_numbers_of_all(tmp_path: Path) -> None:
    root = small_lake(tmp_path)
    row: dict[str, Any] = {
        "run_id": "range",
        "stage": "group",
        "status": "failed",
        "message": HOSTILE[1],
    }
    row |= {
        "started_at": datetime(2026, 2, 1, tzinfo=UTC),
        "details": [("days", " to ".join(DAYS))],
    }
    write(root, "runs", "2026-01-03", [])
    write(root, "runs", DAYS[1], [row])
    pages.write(str(root))
    (page,) = (page for page in read(root).values() if "✕ group failed" in page.text)
    assert "Images 10 " in words_of(page)
    assert HOSTILE[1] in page.text
    (older,) = (page for page in read(root).values() if "A later run" in page.text)
    assert DAYS[0] in older.text


def test_hidden_signs_are_shown_as_escapes() -> None:
    assert visible("a\u202eb\n\ud800\u200d\u00e9") == "a\\u202eb\\u000a\\ud800\\u200dé"


@pytest.mark.parametrize(
    ("uris", "expected"),
    [
        (["s3://a/x/1.jpg", "s3://b/y/2.jpg"], ["s3://a", "s3://b"]),
        (["s3://a/x/1.jpg", "s3://a/y/z/2.jpg"], ["s3://a/x", "s3://a/y"]),
        (["/data/p/1.jpg", "/data/p/2.jpg"], ["/data/p/", "/data/p/"]),
        (["/data/it's/1.jpg", "s3://a/x/2.jpg"], ["/data", "s3://a"]),
        (["/data/it's/a/1.jpg", "/data/it's/b/2.jpg"], ["/data/it's/a", "/data/it's/b"]),
    ],
)
def test_a_source_is_what_comes_first_below_what_all_share(
    tmp_path: Path, uris: list[str], expected: list[str]
) -> None:
    rows = [image(str(number), uri=uri) for number, uri in enumerate(uris)]
    write(tmp_path, "embeddings", DAYS[0], rows)
    with tables.connected(str(tmp_path), ["embeddings"]) as connection:
        query = f"SELECT {source_of(connection)} FROM embeddings ORDER BY image_id"
        assert [source for (source,) in connection.sql(query).fetchall()] == expected


def test_reviews_and_leakage_have_sections(lake: Path, tmp_path: Path) -> None:
    before = words_of(read(lake)["index.html"])
    assert "Precision, by reviews" not in before
    assert "Leakage" not in before
    root = tmp_path / "lake"
    shutil.copytree(lake, root)
    half = min(content_of("bridge/whole.png"), content_of("bridge/half-mirrored.jpg"))
    other = max(content_of("bridge/whole.png"), content_of("bridge/half-mirrored.jpg"))
    said = {"left_content": half, "right_content": other, "verdict": "same"}
    (root / "reviews").mkdir()
    row = {**said, "reviewed_at": datetime(2026, 1, 3, tzinfo=UTC)}
    pq.write_table(pa.Table.from_pylist([row]), root / "reviews" / "a.parquet")
    leak = {"column_name": "split", "value": "<b>test", "other_value": "train", "image_id": "a"}
    write(root, "leakage", DAYS[0], [leak])
    pages.write(str(root))
    page = read(root)["index.html"]
    text = words_of(page)
    assert "Precision, by reviews" in text
    assert "all edits 1 0 1.000 0.207 1.000" in text
    assert "Leakage split" in text
    assert "1 images of <b>test have a copy in train" in text
    assert "b" not in {tag for tag, _ in page.tags}
